"""The number of neighbours at test time, chosen on validation data: the embeddings are there, so it costs little.

Legend: N images, D channels.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch_geometric.transforms import BaseTransform

from gnn_dml.evaluation.embed import with_plain_gallery
from gnn_dml.evaluation.neighbourhoods import Neighbourhoods
from gnn_dml.evaluation.refine import refine_groups
from gnn_dml.evaluation.score import score_embedding
from gnn_dml.metrics.scale import normalize_rows
from gnn_dml.models import Refiner

CHOSEN_BY = "recall@1+map@r"
"""By what everything that moves embeddings at test time is chosen: more of one must not be bought with the other."""


@dataclass(frozen=True)
class NeighbourChoice:
    """What `choose_neighbours` found.

    Attributes:
        neighbours: The number chosen.
        refined: The refined embeddings with it (N, D').
        table: The score of every number that was tried.
    """

    neighbours: int
    refined: Tensor
    table: dict[int, float]


@torch.no_grad()
def choose_neighbours(
    refiner: Refiner,
    topology: BaseTransform,
    features: Tensor,
    labels: Tensor,
    query: Tensor | None = None,
    *,
    neighbourhoods: Neighbourhoods,
    candidates: Sequence[int],
    by: str = CHOSEN_BY,
    refine_gallery: bool = True,
) -> NeighbourChoice:
    """Refine with each number of neighbours and take the one that scores best; ties go to the smaller number.

    With 0 an image is refined alone: where neighbours are mostly wrong, the messages are shut off.

    Args:
        refiner: In eval mode.
        topology: The edges inside a neighbourhood.
        features: Embeddings (N, D).
        labels: long (N,), on the CPU or not.
        query: bool (N,), see `gnn_dml.evaluation.score_embedding`.
        neighbourhoods: Which images join each image, the nearest first, at least as many as the largest candidate.
        candidates: Numbers to try, each at least 0.
        by: The score: "map@r", "r_precision", "recall@1", or a sum of such: "recall@1+map@r".
        refine_gallery: See `gnn_dml.evaluation.embed`.

    Raises:
        ValueError: If there is no candidate.
        UserError: See `gnn_dml.evaluation.embed.with_plain_gallery`.
    """
    if not candidates:
        raise ValueError("there is no number of neighbours to choose from")
    features = normalize_rows(features)
    groups = neighbourhoods(features, query=query)
    found: dict[int, Tensor] = {}
    table: dict[int, float] = {}
    for count in sorted({min(count, groups.size(1) - 1) for count in candidates}):
        found[count] = refine_groups(refiner, topology, features, groups[:, : count + 1]).cpu()
        if not refine_gallery and query is not None:
            found[count] = with_plain_gallery(found[count], features.cpu(), query.cpu())
        scores = score_embedding(found[count], labels, query, ks=(1,))
        table[count] = sum(scores[name] for name in by.split("+"))
    best = max(table, key=lambda count: (table[count] if table[count] == table[count] else -1.0, -count))
    return NeighbourChoice(best, found[best], table)
