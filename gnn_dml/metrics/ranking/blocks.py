"""What one block of scores says about its queries.

Legend: q queries of a block, g items of a block, N candidates.

The scores of a query are not sorted. They are compared with two bounds around its selected positives: everything
above the upper one is counted, and only what lies between them is kept, as candidates.
"""

from __future__ import annotations

from threading import Lock
from typing import NamedTuple

import torch
from torch import Tensor

from gnn_dml.metrics.ranking.masks import count_true, empty_mask, where_true
from gnn_dml.metrics.ranking.positives import Pairs
from gnn_dml.metrics.ranking.space import Space


class Bounds(NamedTuple):
    """Per query, float32 (Q,): scores above `upper` are counted, those from `lower` up to it kept."""

    lower: Tensor
    upper: Tensor


def bounds_around(space: Space, pairs: Pairs) -> Bounds:
    """Around the positives, as wide as the rounding asks for; infinite for queries without any."""
    empty = torch.full((len(space.queries),), torch.inf, dtype=torch.float64, device=pairs.query.device)
    lower = empty.scatter_reduce(0, pairs.query, pairs.score - space.margin, "amin")
    upper = (-empty).scatter_reduce(0, pairs.query, pairs.score + space.margin, "amax")
    return Bounds(lower.float(), torch.where(torch.isinf(lower), torch.inf, upper).float())


class Candidates:
    """The negatives between the bounds of some queries, as far as the blocks have been seen; several threads may add.

    They lie in two arrays that grow. Many small ones between the large blocks that come and go would
    scatter over the memory and keep it from being given back.

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
        self._item = torch.empty(0, dtype=torch.int32, device=most.device)

    def count(self, above: Tensor, within: Tensor) -> Tensor:
        """Add the counts (q,) of a block; returns which queries have overflowed now, bool (q,)."""
        with self._lock:
            self.above += above
            self.between += within
            return self.between > self._most

    def add(self, key: Tensor, item: Tensor) -> None:
        """Add negatives: query and score of each, as `sort_key` makes them, and its position."""
        with self._lock:
            end = self._count + len(key)
            if end > len(self._key):
                more = max(end, 2 * len(self._key))
                self._key, self._item = (_grow(part[: self._count], more) for part in (self._key, self._item))
            self._key[self._count : end] = key
            self._item[self._count : end] = item
            self._count = end

    @property
    def entries(self) -> tuple[Tensor, Tensor]:
        """Keys, int64, and positions, int32, of the candidates."""
        return self._key[: self._count], self._item[: self._count]


def _grow(part: Tensor, length: int) -> Tensor:
    out = part.new_empty(length)
    out[: len(part)] = part
    return out


class Positives:
    """Where positives, and queries themselves, stand in the blocks, to be taken out of them.

    Args:
        pairs: All positives.
        space: What is compared.
    """

    def __init__(self, pairs: Pairs, space: Space) -> None:
        self.size = space.block
        self.across = -(-len(space.items) // space.block)
        block = pairs.query // space.block * self.across + pairs.item // space.block
        block, order = block.sort(stable=True)
        self.query, self.item = pairs.query[order] % space.block, pairs.item[order] % space.block
        blocks = -(-len(space.queries) // space.block) * self.across
        self.ends = torch.searchsorted(block, torch.arange(blocks + 1, device=block.device)).tolist()

    def remove(self, product: Tensor, query: int, item: int) -> None:
        """Set the positives in the block that begins at these positions to -inf, in place."""
        block = query // self.size * self.across + item // self.size
        inside = slice(self.ends[block], self.ends[block + 1])
        product[self.query[inside], self.item[inside]] = -torch.inf


def compare_block(
    space: Space,
    product: Tensor,
    queries: slice,
    items: slice,
    bounds: Bounds,
    candidates: Candidates,
    *,
    transposed: bool,
) -> None:
    """Compare a block of scores with the bounds of its queries: count what is above, keep what is between.

    Args:
        space: What is compared.
        product: (queries, items) without positives, or (items, queries) if `transposed`.
        queries: Which ones.
        items: Which ones.
        bounds: Of all queries; those of queries that overflow are set to infinity here.
        candidates: What is known about these queries, added to.
        transposed: See `product`.
    """
    across, along = (0, 1) if transposed else (1, 0)
    scores = product if space.half is None else product - space.half[items].float().unsqueeze(along)
    lower, upper = bounds.lower[queries], bounds.upper[queries]
    between, above = (empty_mask(scores.size(0), scores.size(1), scores.device) for _ in range(2))
    torch.ge(scores, lower.unsqueeze(across), out=between)
    torch.gt(scores, upper.unsqueeze(across), out=above)
    between ^= above
    overflowed = candidates.count(count_true(above, across), count_true(between, across))
    if bool(overflowed.any()):
        lower[overflowed], upper[overflowed] = torch.inf, torch.inf
        between &= ~overflowed.unsqueeze(across)
    row, column = where_true(between)
    query, item = (column, row) if transposed else (row, column)
    if len(row):
        candidates.add(sort_key(query, scores.take(row * scores.size(1) + column)), item + items.start)


def sort_key(query: Tensor, score: Tensor) -> Tensor:
    """Whole numbers that order by query first and by float32 score then: query * 2^32 + 0 .. 2^32 - 1."""
    bits = (score + 0.0).view(torch.int32)  # adding zero turns -0 into 0
    # The bits of negative numbers order the wrong way round.
    return (query << 32) + (bits ^ ((bits >> 31) & 0x7FFFFFFF)).long() + 2**31
