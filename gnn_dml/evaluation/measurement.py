"""Everything that is measured of one embedding, and its places in JSON, in a CSV file and in a table of pandas."""

from __future__ import annotations

import csv
import io
import math
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from torch import Tensor

from gnn_dml.atomic import write_atomically
from gnn_dml.data.images import ImageSplit
from gnn_dml.errors import UserError
from gnn_dml.evaluation.embed import Embeddings
from gnn_dml.evaluation.score import score_embedding
from gnn_dml.metrics import diagnostics
from gnn_dml.metrics.measures import parse_measures
from gnn_dml.metrics.ranking.unusual import UnusualSpaceWarning
from gnn_dml.text import show_text


@dataclass(frozen=True)
class MetricOptions:
    """How embeddings are measured.

    Attributes:
        ks: The K of Recall@K.
        seed: Of k-means, and of the draw for uniformity.
        metric: What near means for retrieval.
        restarts: Of k-means.
        more: Other metrics of retrieval.
        normalize: Whether k-means is of the L2-normalised embeddings.

    Raises:
        UserError: If one of these has an unknown name.
    """

    ks: Sequence[int] = (1, 2, 4, 8)
    seed: int = 0
    metric: Literal["cosine", "euclidean"] = "cosine"
    restarts: int = 1
    more: Sequence[str] = ()
    normalize: bool = True

    def __post_init__(self) -> None:
        parse_measures(self.more)


@dataclass(frozen=True)
class Measurement:
    """What was measured of one embedding.

    Attributes:
        model: Whose it is.
        embedding: "backbone", "refined", or "embeddings" for one from elsewhere.
        channels: Of the embedding.
        scores: Metrics in [0, 1]; None where there is no number.
        diagnostics: Of the space of the embeddings, likewise; empty where they were not asked for.
        unmatched: Queries whose class has no other image to find.
        notes: Sentences on what is unusual about the embeddings.
    """

    model: str
    embedding: str
    channels: int
    scores: Mapping[str, float | None]
    diagnostics: Mapping[str, float | None]
    unmatched: int
    notes: Sequence[str] = ()


def measure_embedding(
    model: str,
    embedding: str,
    x: Tensor,
    labels: Tensor,
    query: Tensor | None = None,
    *,
    options: MetricOptions,
    retrieval_only: bool = False,
) -> Measurement:
    """Every metric of an embedding.

    Args:
        model: See `Measurement`.
        embedding: Likewise.
        x: (N, D).
        labels: long (N,).
        query: bool (N,), see `gnn_dml.evaluation.score_embedding`.
        options: How to measure.
        retrieval_only: Leave clustering and diagnostics out.

    Raises:
        UserError: If an embedding is not finite, or shapes do not fit.
    """
    try:
        with warnings.catch_warnings(record=True) as said:
            warnings.simplefilter("always", UnusualSpaceWarning)
            scores = score_embedding(
                x,
                labels,
                query,
                ks=options.ks,
                metric=options.metric,
                cluster_seed=None if retrieval_only else options.seed,
                restarts=options.restarts,
                more=options.more,
                normalize=options.normalize,
            )
        space = {} if retrieval_only else diagnostics(x, labels, seed=options.seed)
    except ValueError as error:
        raise UserError(f"{model}, {embedding}: {error}") from error
    unmatched = int(scores.pop("unmatched"))
    for one in said:
        warnings.warn_explicit(one.message, one.category, one.filename, one.lineno)
    notes = [str(one.message) for one in said if issubclass(one.category, UnusualSpaceWarning)]
    return Measurement(model, embedding, x.size(1), replace_nan(scores), replace_nan(space), unmatched, notes)


def measure_branches(
    model: str, embeddings: Embeddings, split: ImageSplit, *, options: MetricOptions, retrieval_only: bool = False
) -> list[Measurement]:
    """The backbone embedding measured, and the refined one where there is one; see `measure_embedding`."""
    branches = {"backbone": embeddings.backbone, "refined": embeddings.refined}
    return [
        measure_embedding(model, branch, x, split.labels, split.query, options=options, retrieval_only=retrieval_only)
        for branch, x in branches.items()
        if x is not None
    ]


def replace_nan(found: Mapping[str, float]) -> dict[str, float | None]:
    """None in the place of NaN, which stands where there was nothing to measure."""
    return {name: None if math.isnan(value) else value for name, value in found.items()}


def to_json(measurements: Sequence[Measurement]) -> dict[str, Any]:
    """Flat names, `backbone_recall@1` and so on; plain `recall@1` for an embedding from elsewhere."""
    out: dict[str, Any] = {}
    for one in measurements:
        prefix = "" if one.embedding == "embeddings" else f"{one.embedding}_"
        out |= {f"{prefix}{name}": _finite_or_none(value) for name, value in {**one.scores, **one.diagnostics}.items()}
    return {**out, "unmatched": measurements[0].unmatched}


def to_rows(measurements: Sequence[Measurement], **same: Any) -> list[dict[str, Any]]:
    """A row per embedding, with equal columns; `same` stands in every row."""
    names = list(dict.fromkeys(name for one in measurements for name in (*one.scores, *one.diagnostics)))
    return [
        {
            "model": one.model,
            "embedding": one.embedding,
            **same,
            "channels": one.channels,
            **{name: {**one.scores, **one.diagnostics}.get(name) for name in names},
            "unmatched": one.unmatched,
        }
        for one in measurements
    ]


def write_csv(path: Path, measurements: Sequence[Measurement], **same: Any) -> None:
    """Write the rows of `to_rows`, whole or not at all.

    Raises:
        UserError: If the file cannot be written.
    """
    rows, text = to_rows(measurements, **same), io.StringIO()
    writer = csv.DictWriter(text, list(rows[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    content = show_text(text.getvalue()).encode()
    try:
        write_atomically(path, lambda partial: partial.write_bytes(content))
    except OSError as error:
        raise UserError(f"cannot write {path}: {error.strerror or error}") from error


def _finite_or_none(value: float | None) -> float | None:
    """The value; None in the place of infinity, which JSON has not."""
    return value if value is not None and math.isfinite(value) else None
