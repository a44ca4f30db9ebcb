"""Rankings by approximate scores, put right where these are too near to each other.

Legend: q queries, c items of each in approximate order, P places.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import pad

from gnn_dml.metrics.ranking.space import Space


def split_between(score: Tensor, error: Tensor, *, stable: bool) -> Tensor:
    """Where a ranking is certain: whether all up to a place are before all behind it, bool (q, c - 1).

    Args:
        score: Approximate, (q, c), falling along each row.
        error: How far the difference of two scores may be off, at most the sum of theirs: (q, c) or (q, 1).
        stable: Whether among equal scores the lower index stands first: then nothing is uncertain without an error.
    """
    lowest = (score - error).cummin(dim=1).values
    highest = (score + error).flip(1).cummax(dim=1).values.flip(1)
    certain = lowest[:, :-1] > highest[:, 1:]
    return certain | (error == 0).all(dim=1, keepdim=True) if stable else certain


def exclude(score: Tensor, excluded: Tensor | None) -> None:
    """Put one item of each query behind all others, in place: (q, c), and its place (q,), -1 for nobody."""
    if excluded is not None:
        row = (excluded >= 0).nonzero().squeeze(1)
        score[row, excluded[row]] = -torch.inf


def settle(space: Space, query: Tensor, item: Tensor, certain: Tensor, wanted: Tensor | None = None) -> Tensor:
    """Items in their true order, (q, c); ties go to the lower index.

    Args:
        space: What is compared.
        query: Positions (q,).
        item: Positions (q, c) in approximate order.
        certain: From `split_between`.
        wanted: bool (q, c), the places that matter, for each run of uncertain places all or none; None for all.
    """
    near = ~(pad(certain, (1, 0), value=True) & pad(certain, (0, 1), value=True))
    if wanted is not None:
        near &= wanted
    row, column = near.nonzero(as_tuple=True)
    if not len(row):
        return item
    run = pad(certain, (1, 0)).cumsum(dim=1)[row, column]
    run = torch.unique_consecutive(row * item.size(1) + run, return_inverse=True)[1]
    found = item[row, column]
    value, error = space.pairs.approximate(query[row], found)
    order = _order(found, value, run)
    run, value, error, found = run[order], value[order], error[order], found[order]
    # What is still too near: runs of these inside the runs.
    same = (run[1:] == run[:-1]) & ~_apart(value, error)
    nearer = pad(same, (1, 0)) | pad(same, (0, 1))
    run = (~pad(same, (1, 0))).cumsum(0)
    left = nearer.nonzero().squeeze(1)
    if len(left):
        exact = space.exact(query[row[left]], found[left])
        found[left] = found[left][_order(found[left], exact, run[left])]
    item = item.clone()
    item[row, column] = found
    return item


def _apart(value: Tensor, error: Tensor) -> Tensor:
    """Whether each two in a row, of falling scores, are certainly in order, bool (P - 1,)."""
    return value[:-1] - value[1:] > error[:-1] + error[1:]


def _order(item: Tensor, score: Tensor, run: Tensor) -> Tensor:
    """By run, then by falling score, then by item."""
    order = np.lexsort([part.cpu().numpy() for part in (item, -score, run)])
    return torch.from_numpy(order).to(item.device)
