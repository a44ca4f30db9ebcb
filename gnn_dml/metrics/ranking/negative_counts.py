"""How many negatives (items of other classes) are nearer to a query than each of its positives.

That number is all that the metrics need, and it takes no sorting of scores: `gnn_dml.metrics.ranking.lower_bounds` says
for which positives, and `gnn_dml.metrics.ranking.blocks` counts the negatives above them and keeps the candidates.
Between all and all, one product of two blocks serves the rows of one block and the columns of the other.

Legend: Q queries, G items, R positives of a query (items of its class), P positives that matter.
"""

from __future__ import annotations

from collections.abc import Callable
from threading import Lock
from typing import NamedTuple

import torch
from torch import Tensor

from gnn_dml.metrics.ranking.blocks import (
    SCORE_BITS,
    Bounds,
    Candidates,
    bounds_around,
    compare_block,
    item_bits,
    sort_key,
)
from gnn_dml.metrics.ranking.lower_bounds import rank_bounds
from gnn_dml.metrics.ranking.positives import Classes, Pairs, select_pairs
from gnn_dml.metrics.ranking.products import Products
from gnn_dml.metrics.ranking.reaching import Reaching, search_sorted, sort_numbers
from gnn_dml.metrics.ranking.space import Space
from gnn_dml.metrics.ranking.threads import side_by_side

CANDIDATES = 2**25
"""Candidates in all, at the worst, that the sample is sized for."""

SAMPLE = 2**10
"""Items in the sample at least."""

AT_ONCE = 2**4
"""Blocks of queries at most that are ranked together, at the end."""

MOST_EXACT = 2**10
"""Comparisons made again in float64 for a query at most."""


class NegativeCounts(NamedTuple):
    """The negatives that are ranked before some positives.

    Attributes:
        query: Their queries (P,).
        before: Negatives that are ranked before each of them (P,).
    """

    query: Tensor
    before: Tensor


def count_negatives(
    space: Space, classes: Classes, depth: Tensor, ks: Tensor | None, on_block: Callable[[int], object]
) -> tuple[NegativeCounts, Tensor]:
    """Count for every positive that may matter.

    Args:
        space: What is compared.
        classes: Of its queries and items.
        depth: How many of the nearest items of each query matter (Q,), 0 for those that are not answered.
        ks: The K of Recall@K, rising. Counts that the rounding could change are made exact where a K, or the nearest
            items that matter, depend on them; with None all are.
        on_block: Called after each block of queries with how many it had.

    Returns:
        The counts, and which queries (Q,) have so many scores near their bounds (duplicates, embeddings that have
        collapsed) that they are not answered here.
    """
    device = depth.device
    positives = int(classes.item_counts[classes.of_query[depth > 0]].sum())
    size = max(SAMPLE, positives * len(space.items) // CANDIDATES, 2 * int(depth.max()))
    products = Products(space) if space.own else None
    if products is not None and products.seen < min(size, len(space.items)):
        products = None
    pairs, deep = select_pairs(space, classes, depth > 0, rank_bounds(space, depth, size, products))
    # Who has none of its class among as many items as matter is done with, unless a K looks farther down.
    none = (deep & (depth >= max([0, *ks.tolist()])) if ks is not None else torch.zeros_like(deep)).nonzero().squeeze(1)
    apart = NegativeCounts(none, depth[none])
    if len(none):
        depth, deep = depth.index_fill(0, none, 0), deep.index_fill(0, none, False)
        left = (depth[pairs.query] > 0).nonzero().squeeze(1)
        pairs = Pairs(*(column[left] for column in pairs))
    bounds = bounds_around(space, pairs, deep)
    # Of R G / size negatives at the worst, on average.
    most = SAMPLE + 8 * (depth * len(space.items) // size)
    starts = range(0, len(space.queries), space.block)
    candidates = [Candidates(len(part), part) for part in torch.split(most, space.block)]

    def compare(start: int) -> None:
        rows, reaching = slice(start, start + space.block), Reaching(space.block, space.block, device)
        memory = space.queries.new_empty(space.block * space.block)
        for other in range(start if space.own else 0, len(space.items), space.block):
            columns = slice(other, other + space.block)
            product = space.blocks(rows, columns, memory) if products is None else products.take(start, other, memory)
            if space.own and other > start:
                of_columns = candidates[other // space.block]
                compare_block(space, classes, product, columns, rows, bounds, of_columns, reaching, transposed=True)
            of_rows = candidates[start // space.block]
            compare_block(space, classes, product, rows, columns, bounds, of_rows, reaching, transposed=False)
        on_block(len(bounds.lower[rows]))
        # A block has met all others once those before it are through; where there are many blocks, their candidates are
        # not kept until the end.
        if len(starts) > AT_ONCE:
            for number in compared.add(start // space.block):
                rank(number)

    def rank(number: int) -> None:
        parts[number] = _rank_candidates(space, pairs, depth, ks, starts[number], candidates[number], bounds)
        candidates[number] = Candidates(0, most[:0])

    compared, parts = _InOrder(), [NegativeCounts(most[:0], most[:0]) for _ in starts]
    side_by_side(compare, starts, device)
    if len(starts) <= AT_ONCE:
        side_by_side(rank, range(len(starts)), device)
    overflowed = torch.isinf(bounds.lower) & (depth > 0)
    counts = NegativeCounts(*(torch.cat(columns) for columns in zip(*parts, strict=True)))
    if bool(overflowed.any()):
        counts = NegativeCounts(*(column[~overflowed[counts.query]] for column in counts))
    return NegativeCounts(*(torch.cat(columns) for columns in zip(apart, counts, strict=True))), overflowed


class _InOrder:
    """Numbers that are through, in whatever order; several threads may add."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._done: set[int] = set()
        self._next = 0

    def add(self, number: int) -> list[int]:
        """The numbers for which this was the last of all up to them that was missing, in order."""
        with self._lock:
            self._done.add(number)
            first = self._next
            while self._next in self._done:
                self._next += 1
            return list(range(first, self._next))


def _rank_candidates(
    space: Space, pairs: Pairs, depth: Tensor, ks: Tensor | None, start: int, candidates: Candidates, bounds: Bounds
) -> NegativeCounts:
    """Compare the negatives kept for one block of queries with their positives.

    A query with too many comparisons to make again gets infinite bounds and no true count.
    """
    first, last = torch.searchsorted(pairs.query, torch.tensor([start, start + len(candidates.above)]).to(pairs.query))
    query, item, score = (column[first:last] for column in pairs)
    local, bits = query - start, item_bits(space)
    keys = sort_numbers(candidates.keys)
    # Candidates that are certainly before a positive, and those that may be: from the end of their query down to either
    # side of its score, each rounded as the candidates were.
    lower, margin = bounds.lower[query], space.margin[query]
    sides = [((score + by).to(lower.dtype) - lower).clamp(min=0) for by in (margin, -margin)]
    sides = [torch.where(torch.isinf(lower), 0.0, side) for side in sides]
    certain = search_sorted(keys, sort_key(space, local, sides[0]) + (1 << bits))
    possible = search_sorted(keys, sort_key(space, local, sides[1]))
    ends = torch.arange(1, len(candidates.above) + 1, device=keys.device) << (SCORE_BITS + bits)
    low = candidates.above[local] + search_sorted(keys, ends)[local] - certain
    high = low + certain - possible
    undecided = low < depth[query]
    if ks is None:
        undecided[:] = True
    else:
        undecided |= torch.bucketize(low, ks, right=True) != torch.bucketize(high, ks, right=True)
    counts = torch.where(undecided, certain - possible, 0)
    overflowed = torch.zeros_like(candidates.above).index_add(0, local, counts) > MOST_EXACT
    bounds.lower[start : start + len(overflowed)][overflowed] = torch.inf
    counts[torch.isinf(bounds.lower[query])] = 0
    pair = torch.arange(len(counts), device=counts.device).repeat_interleave(counts)
    inside = torch.arange(len(pair), device=pair.device) - (counts.cumsum(0) - counts)[pair]
    other = keys[possible[pair] + inside] & ((1 << bits) - 1)
    before = _before(space, query[pair], other, item[pair], score[pair])
    return NegativeCounts(query, low.index_add(0, pair, before.long()))


def _before(space: Space, query: Tensor, other: Tensor, item: Tensor, score: Tensor) -> Tensor:
    """Whether `other` is ranked before `item`, whose score is given, for each query, bool (P,)."""
    if not space.coarse:
        return space.pairs.before(query, other, item)
    # Most are told apart by the products themselves, if these are summed without error.
    gap = space.products(query, other) - score
    before = gap > 0
    left = (gap.abs() <= space.rounding[query]).nonzero().squeeze(1)
    before[left] = space.pairs.before(query[left], other[left], item[left])
    return before
