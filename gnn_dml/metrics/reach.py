"""Which positives matter: the nearest of each query, and those that may be among its R nearest items.

Legend: Q queries, R positives of a query (items of its class).

The R-th best score within a sample of the items is below the R-th best of all, so positives below it add nothing to
MAP@R and R-precision.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from gnn_dml.metrics.positives import Pairs
from gnn_dml.metrics.space import Space
from gnn_dml.metrics.threads import side_by_side

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
    """
    most = int(relevant.max())
    own = space.own and size <= space.block
    sample = torch.randperm(len(space.items), generator=torch.Generator().manual_seed(0))[:size].to(relevant.device)
    items, half = space.items[sample], None if space.half is None else space.half.float()
    step = space.block if own else max(ROWS, space.block * space.block // len(sample))

    def reached(start: int) -> Tensor:
        rows = slice(start, start + step)
        scores = space.blocks(rows, rows) if own else space.queries[rows] @ items.T
        if own:
            products[start] = scores
        if half is not None:
            scores = scores - half[rows if own else sample]
        return _reached(scores, relevant[rows], most)

    return torch.cat(side_by_side(reached, range(0, len(relevant), step), relevant.device))


def _reached(scores: Tensor, relevant: Tensor, most: int) -> Tensor:
    """The (R + 1)-th best score in each row or a lower one, float64; -inf where that cannot be said.

    One more than R, since the query may be there itself, as its own nearest item. The scores are cut into groups, and
    the best of each group are ranked instead of all: two of the best seldom share a group.
    """
    group = max(1, min(GROUP, scores.size(1) // (4 * (most + 1))))
    width = scores.size(1) // group
    best = scores[:, : group * width].reshape(len(scores), group, width).amax(dim=1) if group > 1 else scores
    at = best.size(1) - 1 - relevant
    found = sorted_rows(best).gather(1, at.clamp(min=0)[:, None])[:, 0]
    return torch.where(at >= 0, found.double(), -torch.inf)


def sorted_rows(values: Tensor) -> Tensor:
    """Each row in rising order, float32 (n, m)."""
    # NumPy sorts several times as fast on processors with vector instructions.
    return torch.from_numpy(np.sort(values.numpy(), axis=1)) if values.device.type == "cpu" else values.sort().values
