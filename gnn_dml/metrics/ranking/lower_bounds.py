"""Which positives count: the nearest of each query, and those that may be among its R nearest items.

Legend: Q queries, R positives of a query (items of its class).

The R-th best score within a sample of the items is below the R-th best of all, so positives below it add nothing to
MAP@R and R-precision.
"""

from __future__ import annotations

import torch
from torch import Tensor

from gnn_dml.metrics.ranking.products import Products, less_half
from gnn_dml.metrics.ranking.reaching import sort_numbers
from gnn_dml.metrics.ranking.space import Space
from gnn_dml.metrics.ranking.threads import side_by_side

ROWS = 2**7
"""Queries compared with the sample at once, at least."""

GROUP = 2**5
"""Items of the sample in a group at most."""


def rank_bounds(space: Space, relevant: Tensor, size: int, products: Products | None) -> Tensor:
    """Lower bounds on the score of the R-th nearest item of each query, as the products have it; float64 (Q,).

    It comes from a sample of that many items. Between all and all, the items of near blocks do as well if they are
    enough; their products are made here, to be used again.

    The sample is cut into groups, and the maxima of the groups are ranked instead of all scores: two of the best
    seldom share a group.
    """
    most = int(relevant.max())
    size = min(size, len(space.items))
    if products is not None:
        return _by_near_blocks(space, relevant, _groups(products.seen, most), products)
    groups = _groups(size, most)
    order = torch.randperm(len(space.items), generator=torch.Generator().manual_seed(0)).to(relevant.device)
    sample = [space.items[part] for part in order[: size // groups * groups].chunk(groups)]
    half = None if space.half is None else space.half.to(space.items.dtype)
    halves = None if half is None else [half[part] for part in order[: size // groups * groups].chunk(groups)]
    out = torch.empty(relevant.shape, dtype=torch.float64, device=relevant.device)
    step = max(ROWS, space.block * space.block * groups // size)

    def bound_block(start: int) -> None:
        rows = slice(start, start + step)
        out[rows] = _score_at_rank(_sample_maxima(space.queries[rows], sample, halves), relevant[rows])

    side_by_side(bound_block, range(0, len(relevant), step), relevant.device)
    return out


def _groups(size: int, most: int) -> int:
    """How many items of a sample are in a group: so many that there are enough groups for the R-th best of them."""
    return 1 << max(0, min(GROUP, size // (3 * (most + 1))).bit_length() - 1)


def _by_near_blocks(space: Space, relevant: Tensor, groups: int, products: Products) -> Tensor:
    """Bounds as in `rank_bounds`, from groups of so many items of the blocks that `products` reaches."""
    block = space.block
    width = max(1, min(block, len(space.items)) // groups)
    best: dict[int, Tensor] = {}
    out = torch.empty(relevant.shape, dtype=torch.float64, device=relevant.device)

    def begin(start: int) -> None:
        rows = len(relevant[start : start + block])
        best[start] = space.queries.new_full((rows, width * products.blocks), -torch.inf)

    def put(start: int, other: int, maxima: Tensor) -> None:
        at = (other - start) // block + products.reach
        at = at % products.count * width
        best[start][:, at : at + maxima.size(1)] = maxima

    def look(pair: tuple[int, int]) -> None:
        start, other = pair
        product = products.make(start, other)
        if products.reach == 0:
            begin(start)
        put(start, other, _maxima(less_half(space, product, slice(other, other + block), 0), width, 1))
        if other > start:
            put(other, start, _maxima(less_half(space, product, slice(start, start + block), 1), width, 0).T)
        if products.reach == 0:
            rank(start)

    def rank(start: int) -> None:
        rows = slice(start, start + block)
        out[rows] = _score_at_rank(best.pop(start), relevant[rows])

    starts = range(0, len(relevant), block)
    if products.reach > 0:
        for start in starts:
            begin(start)
    side_by_side(look, products.pairs, relevant.device)
    if products.reach > 0:
        side_by_side(rank, starts, relevant.device)
    return out


def _maxima(scores: Tensor, width: int, dim: int) -> Tensor:
    """The maxima of `width` groups along a dimension; every width-th number is of one group."""
    groups = scores.size(dim) // width
    if groups < 2:
        return scores.narrow(dim, 0, min(width, scores.size(dim)))
    whole = scores.narrow(dim, 0, groups * width)
    shape = (groups, width, scores.size(1)) if dim == 0 else (len(scores), groups, width)
    return whole.reshape(shape).amax(dim=dim)


def _sample_maxima(queries: Tensor, sample: list[Tensor], halves: list[Tensor] | None) -> Tensor:
    """The same of a sample in equal parts, multiplied one after another: (q, D) to (q, items of a part)."""
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
