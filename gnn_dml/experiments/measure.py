"""Both embeddings of a checkpoint's weights, measured on a split under the checkpoint's own protocol."""

from __future__ import annotations

from collections.abc import Callable

import torch

from gnn_dml.data.images import ImageSplit
from gnn_dml.data.transforms import Transforms
from gnn_dml.evaluation.embed import Embeddings, embed
from gnn_dml.evaluation.score import score
from gnn_dml.experiments.build import build_neighbourhoods
from gnn_dml.experiments.checkpoint import Checkpoint


def measure(
    checkpoint: Checkpoint,
    split: ImageSplit,
    transforms: Transforms,
    device: torch.device,
    *,
    workers: int = 0,
    check: Callable[[Embeddings], object] = lambda found: None,
) -> tuple[Embeddings, dict[str, float | None]]:
    """Embed a split with a checkpoint's weights under its own protocol, and score it with every metric.

    `check` is called with the embeddings before they are scored.
    """
    protocol, seed = checkpoint.config["protocol"], checkpoint.config["seed"]
    learner = checkpoint.learner().to(device)
    neighbourhoods = build_neighbourhoods(protocol)
    found = embed(learner, split, transforms, device, neighbourhoods=neighbourhoods, workers=workers)
    check(found)
    return found, score(found, split, ks=protocol["ks"], cluster_seed=seed)
