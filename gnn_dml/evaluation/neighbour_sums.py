"""Embeddings with weighted sums of their neighbours added: what all kinds of expansion have in common.

Legend: N images, Q queries, G items, D channels, k neighbours.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import embedding_bag

from gnn_dml.metrics.ranking.nearest import most_neighbours, nearest_neighbours
from gnn_dml.metrics.ranking.space import normalised

ENTRIES = 2**20
"""Entries of neighbours gathered at once."""

SHORT = 1e-6
"""A sum of unit vectors that is shorter has no direction but that of rounding."""


def unit_rows(features: Tensor) -> Tensor:
    """float32 rows of the length 1.

    Args:
        features: (N, D).

    Raises:
        ValueError: If it is no matrix, or a row is not finite or all zero (the message counts the rows and names the
            first).

    Example:
        >>> unit_rows(torch.tensor([[3.0, 4.0], [0.0, 2.0]])).tolist()
        [[0.6000000238418579, 0.800000011920929], [0.0, 1.0]]
    """
    if features.dim() != 2:
        raise ValueError(f"features must have the shape (n, d), not {tuple(features.shape)}")
    if features.is_complex():
        raise ValueError("features must be real numbers, not complex ones")
    x = features.detach()
    if x.numel():
        top, bottom = x.amax(dim=1), x.amin(dim=1)
        _refuse(~(torch.isfinite(top) & torch.isfinite(bottom)), "hold NaN or infinity")
        _refuse((top == 0) & (bottom == 0), "are all zero and have no direction")
    return normalised(x)


def _refuse(bad: Tensor, what: str) -> None:
    if bool(bad.any()):
        rows = bad.nonzero().squeeze(1)
        raise ValueError(f"{len(rows)} of {len(bad)} features {what}; the first is row {int(rows[0])}")


def nearest_and_cosines(x: Tensor, neighbours: int, query: Tensor | None) -> tuple[Tensor, Tensor]:
    """The nearest others of each image and their cosines, (N, k) both; k is smaller where there are not as many.

    Args:
        x: Unit rows (N, D).
        neighbours: k.
        query: bool (N,), which images are nobody's neighbours, or None.
    """
    found = nearest_neighbours(x, min(neighbours, most_neighbours(len(x), query)), query=query)
    return found, cosines(x, x, found)


def cosines(queries: Tensor, items: Tensor, index: Tensor) -> Tensor:
    """Products of each query (Q, D) with its items (G, D) by position (Q, k): float32 (Q, k)."""
    step = max(1, ENTRIES // max(1, index.size(1) * queries.size(1)))
    # Written in place: small results that stay between large gathers that go would keep their memory from the next.
    out = queries.new_empty(index.shape)
    for start in range(0, len(queries), step):
        rows = slice(start, start + step)
        out[rows] = (items[index[rows]] @ queries[rows, :, None])[:, :, 0]
    return out


def add_neighbours(base: Tensor, items: Tensor, index: Tensor, weight: Tensor) -> Tensor:
    """base_i + sum_j weight_ij items[index_ij], normalised; base_i itself where the sum vanishes.

    Args:
        base: Unit rows (Q, D).
        items: Unit rows (G, D).
        index: Positions of items (Q, k).
        weight: (Q, k).

    Returns:
        float32 (Q, D).

    Example:
        >>> x = torch.eye(2)
        >>> add_neighbours(x, x, torch.tensor([[1], [0]]), torch.tensor([[1.0], [0.0]])).tolist()
        [[0.7071067690849304, 0.7071067690849304], [0.0, 1.0]]
    """
    if not index.numel():
        return base.clone()
    total = embedding_bag(index, items, per_sample_weights=weight.to(items.dtype), mode="sum").add_(base)
    length = total.norm(dim=1, keepdim=True)
    return torch.where(length > SHORT, total.div_(length.clamp(min=SHORT)), base)
