"""How many items of other classes are nearer to a query than each of its positives.

That number is all that the metrics need, and it takes no sorting of rows: `gnn_dml.metrics.ranking.lower_bounds` says
for which positives, and `gnn_dml.metrics.ranking.blocks` what is counted and what is kept to be compared with them.
Between all and all, one product of two blocks serves the rows of one block and the columns of the other.

Legend: Q queries, G items, R positives of a query (items of its class), P positives that matter.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor

from gnn_dml.metrics.ranking.blocks import Bounds, Found, Positives, bounds_around, order_key, take
from gnn_dml.metrics.ranking.lower_bounds import reach_of, that_matter
from gnn_dml.metrics.ranking.positives import Pairs
from gnn_dml.metrics.ranking.space import Space
from gnn_dml.metrics.ranking.threads import side_by_side

KEPT = 2**25
"""Negatives kept in all, at the worst, that the sample is sized for."""

SAMPLE = 2**10
"""Items in the sample at least."""

OPEN = 2**10
"""Comparisons made again for a query at most."""


class Ahead(NamedTuple):
    """What is ahead of some positives.

    Attributes:
        query: Their queries (P,), in rising order.
        ahead: Items of other classes that come before each of them (P,).
    """

    query: Tensor
    ahead: Tensor


def count_ahead(
    space: Space, pairs: Pairs, relevant: Tensor, ks: Tensor, on_block: Callable[[int], object]
) -> tuple[Ahead, Tensor]:
    """Count for every positive of `pairs` that may matter.

    Args:
        space: What is compared.
        pairs: All positives of the queries to be answered here.
        relevant: R of each query (Q,), 0 for those that are not.
        ks: The K of Recall@K, rising. Counts that the rounding could change are made exact where a K, or the R nearest,
            depend on them.
        on_block: Called after each block of queries with how many it had.

    Returns:
        The counts, and which queries (Q,) have so many scores near their bounds (duplicates, embeddings that have
        collapsed) that they are not answered here.
    """
    device, positives = pairs.query.device, Positives(pairs, space)
    products: dict[int, Tensor] = {}
    size = max(SAMPLE, len(pairs.query) * len(space.items) // KEPT)
    pairs = that_matter(space, pairs, reach_of(space, relevant, size, products))
    bounds = bounds_around(space, pairs)
    # Of R G / size negatives at the worst, on average.
    most = SAMPLE + 8 * (relevant * len(space.items) // size)
    starts = range(0, len(space.queries), space.block)
    found = [Found(len(part), part) for part in torch.split(most, space.block)]

    def compare(start: int) -> None:
        rows = slice(start, start + space.block)
        for other in range(start if space.own else 0, len(space.items), space.block):
            columns = slice(other, other + space.block)
            product = products.pop(start) if other == start and products else space.blocks(rows, columns)
            positives.remove(product, start, other)
            if space.own and other > start:
                take(space, product, columns, rows, bounds, found[other // space.block], turned=True)
            take(space, product, rows, columns, bounds, found[start // space.block], turned=False)
        on_block(len(bounds.lower[rows]))

    side_by_side(compare, starts, device)
    parts = side_by_side(
        lambda start: _settle(space, pairs, relevant, ks, start, found[start // space.block], bounds), starts, device
    )
    crowded = torch.isinf(bounds.lower) & (relevant > 0)
    counts = Ahead(*(torch.cat(columns) for columns in zip(*parts, strict=True)))
    kept = ~crowded[counts.query]
    return Ahead(counts.query[kept], counts.ahead[kept]), crowded


def _settle(
    space: Space, pairs: Pairs, relevant: Tensor, ks: Tensor, start: int, found: Found, bounds: Bounds
) -> Ahead:
    """Compare the negatives kept for one block of queries with their positives.

    A query with too many comparisons to make again gets infinite bounds and no true count.
    """
    first, last = torch.searchsorted(pairs.query, torch.tensor([start, start + len(found.above)]).to(pairs.query))
    query, item, score = (column[first:last] for column in pairs)
    local = query - start
    keys, items = found.kept
    keys, order = keys.sort()
    # Negatives of a query that are certainly ahead, and those that may be: from its end down to either side of a score.
    surely = torch.searchsorted(keys, order_key(local, (score + space.margin).float()), right=True)
    maybe = torch.searchsorted(keys, order_key(local, (score - space.margin).float()))
    end = torch.searchsorted(keys, torch.arange(1, len(found.above) + 1, device=keys.device) << 32)
    low = found.above[local] + end[local] - surely
    high = low + surely - maybe
    matters = (low < relevant[query]) | (torch.bucketize(low, ks, right=True) != torch.bucketize(high, ks, right=True))
    counts = torch.where(matters, surely - maybe, 0)
    crowded = torch.zeros_like(found.above).index_add(0, local, counts) > OPEN
    bounds.lower[start : start + len(crowded)][crowded] = torch.inf
    counts[torch.isinf(bounds.lower[query])] = 0
    pair = torch.arange(len(counts), device=counts.device).repeat_interleave(counts)
    inside = torch.arange(len(pair), device=pair.device) - (counts.cumsum(0) - counts)[pair]
    other = items[order[maybe[pair] + inside]].long()
    theirs, ours = space.exact(query[pair], other), space.on_grid(score)[pair]
    before = (theirs > ours) | ((theirs == ours) & (other < item[pair]))
    return Ahead(query, low.index_add(0, pair, before.long()))
