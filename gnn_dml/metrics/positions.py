"""Where queries stand in a gallery that holds them too, by id."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from gnn_dml.metrics.inputs import as_classes


def positions(ids: Any, gallery_ids: Any) -> Tensor:
    """The place of each query in the gallery, for `leave_out` of `gnn_dml.metrics.retrieval`.

    Args:
        ids: Of the queries (Q,): whole numbers or text.
        gallery_ids: Of the items (G,), no two alike.

    Returns:
        Positions, long (Q,); -1 where a query is not there.

    Raises:
        ValueError: If two items have one id, or an id is missing.

    Example:
        >>> positions(["b.jpg", "x.jpg"], ["a.jpg", "b.jpg"])
        tensor([ 1, -1])
    """
    asked, known = as_classes("ids", ids, gallery_ids)
    if asked.dim() != 1 or known.dim() != 1:
        raise ValueError(f"ids must have the shapes (q,) and (g,), not {tuple(asked.shape)} and {tuple(known.shape)}")
    ordered, order = known.sort(stable=True)
    twice = (ordered[1:] == ordered[:-1]).nonzero()
    if len(twice):
        first, second = order[twice[0]].item(), order[twice[0] + 1].item()
        raise ValueError(f"two items of the gallery have one id: those at the positions {first} and {second}")
    if not len(known):
        return torch.full_like(asked, -1)
    place = torch.searchsorted(ordered, asked.contiguous()).clamp(max=len(known) - 1)
    return torch.where(ordered[place] == asked, order[place], -1)
