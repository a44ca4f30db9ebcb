"""What one block of scores says about its queries.

Legend: q queries of a block, g items of a block, N candidates.

The scores of a query are compared with a bound below its selected positives, and negatives that reach it are kept, as
candidates. Of a query whose positives are all far down its list, what is above them is counted instead.
"""

from __future__ import annotations

from threading import Lock
from typing import NamedTuple

import torch
from torch import Tensor

from gnn_dml.metrics.ranking.positives import Classes, Pairs
from gnn_dml.metrics.ranking.products import less_half
from gnn_dml.metrics.ranking.reaching import Reaching, pick
from gnn_dml.metrics.ranking.space import Space

SCORE_BITS = 31
"""Of a float32 number that is not negative."""


class Bounds(NamedTuple):
    """Per query (Q,), in the type of the products: scores above `upper` are counted, others from `lower` on kept.

    Infinite for queries without positives; `upper` is infinite too where nothing is to be counted.
    """

    lower: Tensor
    upper: Tensor


def bounds_around(space: Space, pairs: Pairs, deep: Tensor) -> Bounds:
    """Around the positives, as wide as the rounding asks for; `deep` are the queries (Q,) with an upper bound."""
    empty = torch.full((len(space.queries),), torch.inf, dtype=torch.float64, device=pairs.query.device)
    lower = empty.scatter_reduce(0, pairs.query, pairs.score, "amin") - space.margin
    upper = (-empty).scatter_reduce(0, pairs.query, pairs.score, "amax") + space.margin
    kind = space.queries.dtype
    return Bounds(lower.to(kind), torch.where(deep & torch.isfinite(lower), upper, torch.inf).to(kind))


class Candidates:
    """The negatives between the bounds of some queries, as far as the blocks have been seen; several threads may add.

    They lie in an array that grows. Many small ones between the large blocks that come and go would scatter over the
    memory and keep it from being given back.

    Args:
        queries: q, how many.
        most: Candidates of each query at most (q,); beyond, it has overflowed.

    Attributes:
        above: Scores above the upper bound of each query (q,).
        between: Candidates of each query, or more if it has overflowed (q,).
    """

    def __init__(self, queries: int, most: Tensor) -> None:
        self.above, self.between = (torch.zeros(queries, dtype=torch.int64, device=most.device) for _ in range(2))
        self._most = most
        self._lock = Lock()
        self._count = 0
        self._key = torch.empty(0, dtype=torch.int64, device=most.device)

    def add(self, query: Tensor, key: Tensor) -> Tensor:
        """Add negatives of a block: query and `sort_key` of each; returns who has overflowed now, bool (q,)."""
        within = query.bincount(minlength=len(self.between))
        with self._lock:
            self.between += within
            end = self._count + len(key)
            if end > len(self._key):
                grown = self._key.new_empty(max(end, len(self._key) + len(self._key) // 4))
                grown[: self._count] = self._key[: self._count]
                self._key = grown
            self._key[self._count : end] = key
            self._count = end
            return self.between > self._most

    def count(self, above: Tensor) -> None:
        """Add to `above`."""
        with self._lock:
            self.above += above

    @property
    def keys(self) -> Tensor:
        """`sort_key` of the candidates, in no order."""
        return self._key[: self._count]


def compare_block(
    space: Space,
    classes: Classes,
    product: Tensor,
    queries: slice,
    items: slice,
    bounds: Bounds,
    candidates: Candidates,
    reaching: Reaching,
    *,
    transposed: bool,
) -> None:
    """Compare a block of scores with the bounds of its queries: count what is above, keep what is between.

    Args:
        space: What is compared.
        classes: Of all queries and items.
        product: (queries, items), or (items, queries) if `transposed`.
        queries: Which ones.
        items: Which ones.
        bounds: Of all queries; those of queries that overflow are set to infinity here.
        candidates: What is known about these queries, added to.
        reaching: Of this thread.
        transposed: See `product`.
    """
    dim = int(transposed)
    scores = less_half(space, product, items, dim)
    ours, theirs = classes.of_query[queries], classes.of_item[items]
    lower, upper = bounds.lower[queries], bounds.upper[queries]
    deep = torch.isfinite(upper).nonzero().squeeze(1)
    floor = lower
    if len(deep):
        floor = lower.index_fill(0, deep, torch.inf)
        few = scores.index_select(dim, deep)
        negative = theirs.unsqueeze(dim) != ours[deep].unsqueeze(1 - dim)
        high = (few > upper[deep].unsqueeze(1 - dim)).logical_and_(negative)
        counts = torch.zeros_like(candidates.above)
        counts[deep] = high.sum(dim=1 - dim)
        candidates.count(counts)
        found = ((few >= lower[deep].unsqueeze(1 - dim)) & ~high & negative).nonzero(as_tuple=True)
        _keep(space, few[found], deep[found[dim]], found[1 - dim], lower, items, candidates)
    row, column, score = reaching(scores, floor, *((theirs, ours) if transposed else (ours, theirs)), dim=dim)
    if len(row):
        query, item = (column, row) if transposed else (row, column)
        overflowed = _keep(space, score, query, item, lower, items, candidates)
        if bool(overflowed.any()):
            lower[overflowed], upper[overflowed] = torch.inf, torch.inf


def _keep(
    space: Space, score: Tensor, query: Tensor, item: Tensor, lower: Tensor, items: slice, candidates: Candidates
) -> Tensor:
    """Add candidates (N,) unless their query has overflowed; returns who has, bool (q,)."""
    return candidates.add(query, sort_key(space, query, score - pick(lower, query), item + items.start))


def sort_key(space: Space, query: Tensor, above: Tensor, item: Tensor | int = 0) -> Tensor:
    """Whole numbers that order by query first, then by how far a score is above the bound, then by item.

    Args:
        space: What is compared; its blocks are so small that a key fits 63 bits.
        query: Positions in the block.
        above: Score less the lower bound of the query, at least 0. It is rounded to float32, which turns no order.
        item: Positions.
    """
    bits = (above.float() + 0.0).view(torch.int32).long()  # of numbers that are not negative they rise as these do
    return (((query << SCORE_BITS) + bits) << item_bits(space)) + item


def item_bits(space: Space) -> int:
    """How many of the lowest bits of a key are the item."""
    return max(1, len(space.items) - 1).bit_length()
