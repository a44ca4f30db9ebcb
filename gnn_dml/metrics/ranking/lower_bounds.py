"""Which positives matter: the nearest of each query, and those that may be among its R nearest items.

Legend: Q queries, R positives of a query (items of its class).

The R-th best score within a sample of the items is below the R-th best of all, so positives below it add nothing to
MAP@R and R-precision.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from gnn_dml.metrics.ranking.positives import Pairs
from gnn_dml.metrics.ranking.space import Space
from gnn_dml.metrics.ranking.threads import side_by_side

ROWS = 2**7
"""Queries compared with the sample at once, at least."""

GROUP = 8
"""Items of the sample in a group at most."""


def that_matter(space: Space, pairs: Pairs, reach: Tensor) -> Pairs:
    """The pairs that matter, with their queries in rising order.

    Args:
        space: What is compared.
        pairs: All positives.
        reach: See `reach_of`.
    """
    nearest = torch.full_like(reach, -torch.inf).scatter_reduce(0, pairs.query, pairs.score, "amax")
    reach = torch.minimum(reach - 2 * space.margin, nearest)
    # A query and itself, which have the score -inf, are left out where nothing is known either.
    kept = ((pairs.score >= reach[pairs.query]) & (pairs.score > -torch.inf)).nonzero().squeeze(1)
    query, order = pairs.query[kept].sort(stable=True)
    kept = kept[order]
    return Pairs(query, pairs.item[kept], pairs.score[kept])


def reach_of(space: Space, relevant: Tensor, size: int, products: dict[int, Tensor]) -> Tensor:
    """Scores that the R nearest items of each query reach at least, as float32 has them; float64 (Q,).

    They come from a sample of that many items. Between all and all, the queries of the same block do as well if they
    are enough; their products are put into `products`, by where the block begins, to be used again.

    The sample is cut into groups, and the best of each group are ranked instead of all: two of the best seldom share a
    group.
    """
    own = space.own and size <= space.block
    size = min(space.block if own else size, len(space.items))
    most = int(relevant.max())
    groups = max(1, min(GROUP, size // (4 * (most + 1))))
    order = torch.randperm(len(space.items), generator=torch.Generator().manual_seed(0)).to(relevant.device)
    sample = [space.items[part] for part in order[: size // groups * groups].chunk(groups)]
    half = None if space.half is None else space.half.float()
    halves = None if half is None else [half[part] for part in order[: size // groups * groups].chunk(groups)]
    step = space.block if own else max(ROWS, space.block * space.block * groups // size)
    out = torch.empty(relevant.shape, dtype=torch.float64, device=relevant.device)

    def reached(start: int) -> None:
        rows = slice(start, start + step)
        if own:
            products[start] = space.blocks(rows, rows)
            scores = products[start] if half is None else products[start] - half[rows]
            best = _best(scores, groups)
        else:
            best = _best_of_sample(space.queries[rows], sample, halves)
        out[rows] = _ranked(best, relevant[rows])

    side_by_side(reached, range(0, len(relevant), step), relevant.device)
    return out


def _best(scores: Tensor, groups: int) -> Tensor:
    """The largest of each so many scores of a row: (q, g) to (q, g / groups)."""
    width = scores.size(1) // groups
    return scores[:, : groups * width].reshape(len(scores), groups, width).amax(dim=1) if width else scores


def _best_of_sample(queries: Tensor, sample: list[Tensor], halves: list[Tensor] | None) -> Tensor:
    """The same over a sample in equal parts, one after another: (q, D) to (q, items of a part)."""
    best = torch.full((len(queries), len(sample[0])), -torch.inf, device=queries.device)
    for number, part in enumerate(sample):
        scores = queries @ part.T
        if halves is not None:
            scores -= halves[number]
        torch.maximum(best, scores, out=best)
    return best


def _ranked(best: Tensor, relevant: Tensor) -> Tensor:
    """The (R + 1)-th best in each row, float64; -inf where there are not as many.

    One more than R, since the query may be there itself, as its own nearest item.
    """
    at = best.size(1) - 1 - relevant
    found = sorted_rows(best).gather(1, at.clamp(min=0)[:, None])[:, 0]
    return torch.where(at >= 0, found.double(), -torch.inf)


def sorted_rows(values: Tensor) -> Tensor:
    """Each row in rising order, float32 (n, m)."""
    # NumPy sorts several times as fast on processors with vector instructions.
    return torch.from_numpy(np.sort(values.numpy(), axis=1)) if values.device.type == "cpu" else values.sort().values
