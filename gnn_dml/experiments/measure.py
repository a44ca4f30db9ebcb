"""The embeddings of a checkpoint's weights, measured on a split under the checkpoint's own protocol."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import torch

from gnn_dml.data.images import ImageSplit
from gnn_dml.data.transforms import Transforms
from gnn_dml.evaluation.embed import Embeddings, embed
from gnn_dml.evaluation.expand import ExpansionOptions, expand
from gnn_dml.evaluation.score import score
from gnn_dml.evaluation.training_free import measure_training_free
from gnn_dml.experiments.build import build_neighbourhoods
from gnn_dml.experiments.checkpoint import Checkpoint


def measure(
    checkpoint: Checkpoint,
    split: ImageSplit,
    transforms: Transforms,
    device: torch.device,
    *,
    expansion: ExpansionOptions | None = None,
    workers: int = 0,
    check: Callable[[Embeddings], object] = lambda found: None,
    progress: str | None = None,
) -> tuple[Embeddings, dict[str, float | None]]:
    """Embed a split with a checkpoint's weights under its own protocol, and score it with every metric.

    Args:
        checkpoint: Its configuration says how images are refined.
        split: The images.
        transforms: How they are seen.
        device: Where to compute.
        expansion: How the backbone's embedding is expanded; None leaves that out.
        workers: Processes that load images.
        check: Called with the embeddings before they are scored.
        progress: What a bar over the images is called; None shows none.
    """
    protocol, seed = checkpoint.config["protocol"], checkpoint.config["seed"]
    learner = checkpoint.learner().to(device)
    neighbourhoods = build_neighbourhoods(protocol)
    found = embed(
        learner,
        split,
        transforms,
        device,
        neighbourhoods=neighbourhoods,
        workers=workers,
        refine_gallery=protocol.get("refine_gallery", True),
        progress=progress,
    )
    check(found)
    if expansion is not None:
        found = replace(found, expanded=_expanded(found, split, expansion))
    measured = score(found, split, ks=protocol["ks"], cluster_seed=seed)
    for one in measure_training_free(
        found.backbone, split.labels, split.query, protocol["ks"], methods=protocol.get("training_free") or []
    ):
        measured |= {f"{one.embedding}_{name}": value for name, value in one.scores.items()}
    return found, measured


def _expanded(found: Embeddings, split: ImageSplit, expansion: ExpansionOptions) -> torch.Tensor | None:
    """The backbone's embedding of a split, expanded (N, D); None where an embedding is zero and has no direction."""
    if not expansion.weight:
        return found.backbone
    try:
        return expand(
            found.backbone,
            neighbours=expansion.neighbours,
            temperature=expansion.temperature,
            weight=expansion.weight,
            query=split.query,
        )
    except ValueError:
        return None
