"""What one block of scores says about its queries.

Legend: q queries of a block, g items of a block, N negatives kept.

No row of scores is sorted. A row is compared with two bounds around the positives that matter: everything above the
upper one is counted, only what lies between them is kept.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from threading import Lock
from typing import NamedTuple

import torch
from torch import Tensor

from gnn_dml.metrics.counting import count_true, empty_mask, where_true
from gnn_dml.metrics.positives import Pairs
from gnn_dml.metrics.space import Space


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


@dataclass
class Found:
    """What the blocks have found about one block of queries so far.

    Attributes:
        above: Scores above the upper bound of each query (q,).
        held: Negatives kept for each query (q,).
        key: Query and score of the negatives kept, as `order_key` makes them, in parts.
        item: Their positions, int32, likewise.
    """

    above: Tensor
    held: Tensor
    key: list[Tensor] = field(default_factory=list)
    item: list[Tensor] = field(default_factory=list)
    lock: Lock = field(default_factory=Lock)


def nothing_yet(queries: int, device: torch.device) -> Found:
    """Before the first block."""
    above, held = (torch.zeros(queries, dtype=torch.int64, device=device) for _ in range(2))
    return Found(above, held)


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


def take(
    space: Space,
    product: Tensor,
    queries: slice,
    items: slice,
    bounds: Bounds,
    found: Found,
    most: int,
    *,
    turned: bool,
) -> None:
    """Count and keep what a block says about its queries.

    Args:
        space: What is compared.
        product: (queries, items) without positives, or (items, queries) if `turned`.
        queries: Which ones.
        items: Which ones.
        bounds: Of all queries; those that would keep more than `most` negatives are set to infinity here.
        found: What is known about these queries, added to.
        most: Negatives kept for a query at most.
        turned: See `product`.
    """
    across, along = (0, 1) if turned else (1, 0)
    scores = product if space.half is None else product - space.half[items].float().unsqueeze(along)
    lower, upper = bounds.lower[queries], bounds.upper[queries]
    between, above = (empty_mask(scores.size(0), scores.size(1), scores.device) for _ in range(2))
    torch.ge(scores, lower.unsqueeze(across), out=between)
    torch.gt(scores, upper.unsqueeze(across), out=above)
    between ^= above
    counted, kept = count_true(above, across), count_true(between, across)
    with found.lock:
        found.above += counted
        found.held += kept
        crowded = found.held > most
    if bool(crowded.any()):
        lower[crowded], upper[crowded] = torch.inf, torch.inf
        between &= ~crowded.unsqueeze(across)
    row, column = where_true(between)
    query, item = (column, row) if turned else (row, column)
    key = order_key(query, scores.take(row * scores.size(1) + column))
    with found.lock:
        found.key.append(key)
        found.item.append((item + items.start).int())


def order_key(query: Tensor, score: Tensor) -> Tensor:
    """Whole numbers that order by query first and by float32 score then: query * 2^32 + 0 .. 2^32 - 1."""
    bits = (score + 0.0).view(torch.int32)  # adding zero turns -0 into 0
    # The bits of negative numbers order the wrong way round.
    return (query << 32) + (bits ^ ((bits >> 31) & 0x7FFFFFFF)).long() + 2**31
