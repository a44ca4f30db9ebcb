"""Measure embeddings in a file, of this package or from elsewhere."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from gnn_dml.evaluation.embedding_files import EmbeddingTable, read_embeddings
from gnn_dml.evaluation.measurement import Measurement, MetricOptions, measure_embedding, to_rows
from gnn_dml.experiments.frames import make_frame
from gnn_dml.experiments.load_models import Name
from gnn_dml.text import typed_path

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class FileEvaluation:
    """What was measured of a file.

    Attributes:
        path: The file.
        table: What it holds.
        metric: What near means.
        measurement: Every metric.
    """

    path: Path
    table: EmbeddingTable
    metric: str
    measurement: Measurement

    def rows(self) -> list[dict[str, Any]]:
        """One row."""
        return to_rows([self.measurement], images=len(self.table), metric=self.metric)


def evaluate_embeddings(
    path: Name,
    labels: Name | None = None,
    *,
    ks: Sequence[int] | None = None,
    metric: Literal["cosine", "euclidean"] = "cosine",
    restarts: int = 1,
    seed: int | None = None,
    more: Sequence[str] = (),
    kmeans_normalize: bool = True,
) -> pd.DataFrame:
    """Measure embeddings in a file, as `gnn-dml evaluate --embeddings` does.

    Args:
        path: See `gnn_dml.evaluation.read_embeddings`.
        labels: Likewise.
        ks: The K of Recall@K; None as the file says, else 1, 2, 4, 8.
        metric: What near means for retrieval.
        restarts: Of k-means.
        seed: Of k-means; None as the file says, else 0.
        more: Other metrics of retrieval, such as "mrr"; `gnn_dml.metrics.retrieval` defines them.
        kmeans_normalize: Whether k-means is of the L2-normalised embeddings; see `gnn_dml.metrics.clustering`.

    Returns:
        One row with the columns of `gnn_dml.experiments.evaluate`, less those that speak of a run.

    Raises:
        UserError: If a file cannot be read, or is not what it should be.

    Example:
        >>> from tempfile import TemporaryDirectory
        >>> import numpy as np
        >>> with TemporaryDirectory() as folder:
        ...     np.savez(f"{folder}/pets.npz", embeddings=[[1, 0], [0.9, 0.1], [0, 1]], labels=["cat", "cat", "dog"])
        ...     print(evaluate_embeddings(f"{folder}/pets.npz")[["images", "recall@1", "unmatched"]].to_string())
           images  recall@1  unmatched
        0       3       1.0          1
    """
    found = evaluate_file(
        path,
        labels,
        ks=ks,
        metric=metric,
        restarts=restarts,
        seed=seed,
        more=more,
        kmeans_normalize=kmeans_normalize,
    )
    return make_frame(found.rows())


def evaluate_file(
    path: Name,
    labels: Name | None = None,
    *,
    ks: Sequence[int] | None = None,
    metric: Literal["cosine", "euclidean"] = "cosine",
    restarts: int = 1,
    seed: int | None = None,
    more: Sequence[str] = (),
    kmeans_normalize: bool = True,
) -> FileEvaluation:
    """Measure embeddings in a file; see `evaluate_embeddings`.

    Where all embeddings are zero there are no figures: whatever is ranked first is so by its place in the file.
    """
    table = read_embeddings(typed_path(path), None if labels is None else typed_path(labels))
    options = MetricOptions(
        ks=ks or table.about.get("ks", (1, 2, 4, 8)),
        seed=table.about.get("seed", 0) if seed is None else seed,
        metric=metric,
        restarts=restarts,
        more=more,
        normalize=kmeans_normalize,
    )
    x, y, query = table.tensors()
    found = measure_embedding(str(path), "embeddings", x, y, query, options=options)
    if not table.vectors.any():
        said = f"all {len(table)} embeddings are zero, so none is nearer to another than the rest: there are no figures"
        nothing = dict.fromkeys(found.scores), dict.fromkeys(found.diagnostics)
        found = replace(found, scores=nothing[0], diagnostics=nothing[1], notes=[said])
    return FileEvaluation(typed_path(path), table, metric, found)
