"""A sentence on spaces that say something about the network rather than about the images."""

from __future__ import annotations

import torch

from gnn_dml.metrics.ranking.space import SAMPLE, Space


class UnusualSpaceWarning(UserWarning):
    """What is said of such embeddings."""


COLLAPSED = 1e-4
"""All cosines of a sample within this of 1."""

OFFSET = 1e4
"""The middle of all rows is so many times farther from zero than half of the rows are from the middle."""


def describe_unusual(space: Space) -> str | None:
    """What is unusual about the embeddings, or None; it is looked for only where plain float32 did not do."""
    centre, inverse = space.prepared.centre, space.pairs.inverse
    if centre is None or not len(space.queries) or not len(space.items):
        return None
    if inverse is not None:
        step = max(1, len(space.items) // SAMPLE[1])
        item = torch.arange(0, len(space.items), step, device=centre.device)
        farthest = -float(space.pairs.approximate(torch.zeros_like(item), item)[0].min())
        if farthest > COLLAPSED or len(space.items) < 3:
            return None
        return (
            f"the embeddings point almost the same way, all cosines looked at are within {farthest:.0e} of 1: the "
            "figures are exact, but a network with such embeddings has collapsed"
        )
    far = int(space.far_item.sum())
    if far and len(space.items) >= 16:
        return (
            f"{far} of {len(space.items)} embeddings lie more than 16 times as far from the middle as half of the "
            "others do: the figures are exact, but look at these rows"
        )
    away = float(centre.norm()) * space.prepared.scale
    if away > OFFSET:
        return (
            f"the embeddings lie {away:.0e} times as far from zero as from one another: the figures are exact, but few "
            "digits are left for the differences"
        )
    return None
