"""Which positives count: the nearest of each query, and those that may be among its R nearest items.

Legend: Q queries, R positives of a query (items of its class).

The R-th best score within a sample of the items is below the R-th best of all, so positives below it add nothing to
MAP@R and R-precision.
"""

from __future__ import annotations

import torch
from torch import Tensor

from gnn_dml.metrics.ranking.positives import Pairs
from gnn_dml.metrics.ranking.reaching import sort_numbers, stable_order
from gnn_dml.metrics.ranking.space import Space
from gnn_dml.metrics.ranking.threads import side_by_side

ROWS = 2**7
"""Queries compared with the sample at once, at least."""

KEPT = 2**24
"""Products kept at most, 64 MiB in float32."""

GROUP = 8
"""Items of the sample in a group at most."""


def select_pairs(space: Space, pairs: Pairs, bound: Tensor) -> tuple[Pairs, Tensor]:
    """The pairs that count, with their queries in rising order; and the queries (Q,) of which only the nearest does.

    Args:
        space: What is compared.
        pairs: All positives.
        bound: Of each query, from `rank_bounds`.
    """
    nearest = torch.full_like(bound, -torch.inf).scatter_reduce(0, pairs.query, pairs.score, "amax")
    bound = bound - 2 * space.margin
    deep = nearest < bound
    bound = torch.minimum(bound, nearest)
    # A query and itself, which have the score -inf, are left out where nothing is known either.
    kept = ((pairs.score >= bound[pairs.query]) & (pairs.score > -torch.inf)).nonzero().squeeze(1)
    kept = kept[stable_order(pairs.query[kept], len(nearest))]
    return Pairs(*(column[kept] for column in pairs)), deep


def rank_bounds(space: Space, relevant: Tensor, size: int, products: dict[int, Tensor]) -> Tensor:
    """Lower bounds on the score of the R-th nearest item of each query, as the products have it; float64 (Q,).

    It comes from a sample of that many items. Between all and all, the queries of the same block do as well if they
    are enough; their products are put into `products`, by where the block begins, to be used again, unless there are
    too many.

    The sample is cut into groups, and the maxima of the groups are ranked instead of all scores: two of the best
    seldom share a group.
    """
    own = space.own and size <= space.block
    size = min(space.block if own else size, len(space.items))
    most = int(relevant.max())
    groups = max(1, min(GROUP, size // (4 * (most + 1))))
    order = torch.randperm(len(space.items), generator=torch.Generator().manual_seed(0)).to(relevant.device)
    sample = [space.items[part] for part in order[: size // groups * groups].chunk(groups)]
    half = None if space.half is None else space.half.to(space.items.dtype)
    halves = None if half is None else [half[part] for part in order[: size // groups * groups].chunk(groups)]
    step = space.block if own else max(ROWS, space.block * space.block * groups // size)
    out = torch.empty(relevant.shape, dtype=torch.float64, device=relevant.device)

    def bound_block(start: int) -> None:
        rows = slice(start, start + step)
        if own:
            product = space.blocks(rows, rows)
            if len(relevant) * space.block <= KEPT:
                products[start] = product
            scores = product if half is None else product - half[rows]
            best = _group_maxima(scores, groups)
        else:
            best = _sample_maxima(space.queries[rows], sample, halves)
        out[rows] = _score_at_rank(best, relevant[rows])

    side_by_side(bound_block, range(0, len(relevant), step), relevant.device)
    return out


def _group_maxima(scores: Tensor, groups: int) -> Tensor:
    """The largest of each so many scores of a row: (q, g) to (q, g / groups)."""
    width = scores.size(1) // groups
    return scores[:, : groups * width].reshape(len(scores), groups, width).amax(dim=1) if width else scores


def _sample_maxima(queries: Tensor, sample: list[Tensor], halves: list[Tensor] | None) -> Tensor:
    """The same over a sample in equal parts, one after another: (q, D) to (q, items of a part)."""
    best = queries.new_full((len(queries), len(sample[0])), -torch.inf)
    for number, part in enumerate(sample):
        scores = queries @ part.T
        if halves is not None:
            scores -= halves[number]
        torch.maximum(best, scores, out=best)
    return best


def _score_at_rank(best: Tensor, relevant: Tensor) -> Tensor:
    """The (R + 1)-th best in each row, float64; -inf where there are not as many.

    One more than R, since the query may be there itself, as its own nearest item.
    """
    at = best.size(1) - 1 - relevant
    found = sort_numbers(best).gather(1, at.clamp(min=0)[:, None])[:, 0]
    return torch.where(at >= 0, found.double(), -torch.inf)
