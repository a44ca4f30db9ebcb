"""The embeddings of a checkpoint's weights, measured on a split under the checkpoint's own protocol."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import torch

from gnn_dml.data.images import ImageSplit
from gnn_dml.data.transforms import Transforms
from gnn_dml.evaluation.embed import Embeddings, embed
from gnn_dml.evaluation.expand import ExpansionOptions, expand
from gnn_dml.evaluation.score import score_by_class
from gnn_dml.evaluation.training_free import measure_training_free
from gnn_dml.experiments.build import build_neighbourhoods
from gnn_dml.experiments.checkpoint import Checkpoint
from gnn_dml.text import show_text


@dataclass(frozen=True)
class Measured:
    """What was found.

    Attributes:
        embeddings: Of the split.
        figures: Of a row.
        classes: By class, see `gnn_dml.evaluation.score_by_class`.
    """

    embeddings: Embeddings
    figures: dict[str, float | None]
    classes: dict[str, torch.Tensor]


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
) -> Measured:
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
    measured, classes = score_by_class(found, split, ks=protocol["ks"], cluster_seed=seed)
    for one in measure_training_free(
        found.backbone, split.labels, split.query, protocol["ks"], methods=protocol.get("training_free") or []
    ):
        measured |= {f"{one.embedding}_{name}": value for name, value in one.scores.items()}
    return Measured(found, measured, classes)


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


def class_rows(classes: Mapping[str, torch.Tensor], split: ImageSplit) -> list[dict[str, Any]]:
    """A row per class with queries that can be answered, for `classes.csv`.

    Args:
        classes: Of `Measured`.
        split: Where they were measured.
    """
    queries = classes["queries"].tolist()
    columns = {name: values.tolist() for name, values in classes.items() if name != "queries"}
    return [
        {"class": show_text(name), "queries": queries[c], **{column: values[c] for column, values in columns.items()}}
        for c, name in enumerate(split.class_names)
        if queries[c]
    ]
