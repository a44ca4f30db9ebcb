"""What neighbours give without training: known methods on one embedding, each measured."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from torch import Tensor

from gnn_dml.errors import UserError
from gnn_dml.evaluation.diffusion import DiffusionOptions, diffuse
from gnn_dml.evaluation.expand import ExpansionOptions, expand
from gnn_dml.evaluation.measurement import Measurement, replace_nan
from gnn_dml.evaluation.query_expansion import query_expansion, score_sides
from gnn_dml.evaluation.rerank import rerank
from gnn_dml.evaluation.score import score_embedding
from gnn_dml.metrics import retrieval_by_scores


@dataclass(frozen=True)
class TrainingFreeOptions:
    """Parameters of all methods.

    Attributes:
        neighbours: Of query expansion, on either side.
        alpha: Of alpha query expansion.
        k1: Of re-ranking, see `gnn_dml.evaluation.rerank`.
        k2: Likewise.
        original: Likewise.
        diffusion: See `gnn_dml.evaluation.diffuse`.
        expansion: See `gnn_dml.evaluation.expand`; `choose_expansion` finds it on validation data.
    """

    neighbours: int = 4
    alpha: float = 3.0
    k1: int = 20
    k2: int = 6
    original: float = 0.3
    diffusion: DiffusionOptions = field(default_factory=DiffusionOptions)
    expansion: ExpansionOptions = field(default_factory=lambda: ExpansionOptions(4, 0.1, 1.0))


@dataclass(frozen=True)
class Looked:
    """One embedding to look things up in, as `measure_training_free` takes it."""

    x: Tensor
    labels: Tensor
    query: Tensor | None
    ks: Sequence[int]
    more: Sequence[str] = ()


def _plain(data: Looked, options: TrainingFreeOptions) -> dict[str, float]:
    return score_embedding(data.x, data.labels, data.query, ks=data.ks, more=data.more)


def _expanded(data: Looked, options: TrainingFreeOptions) -> dict[str, float]:
    best = options.expansion
    moved = expand(
        data.x, neighbours=best.neighbours, temperature=best.temperature, weight=best.weight, query=data.query
    )
    return score_embedding(moved, data.labels, data.query, ks=data.ks, more=data.more)


def _query_expansion(data: Looked, neighbours: int, alpha: float, *, database: bool) -> dict[str, float]:
    sides = query_expansion(data.x, neighbours=neighbours, alpha=alpha, database=database, query=data.query)
    return score_sides(sides, data.labels, data.query, ks=data.ks, more=data.more)


def _k_reciprocal(data: Looked, options: TrainingFreeOptions) -> dict[str, float]:
    chunks = rerank(data.x, k1=options.k1, k2=options.k2, original=options.original, query=data.query)
    return _score_chunks(chunks, data)


def _diffusion(data: Looked, options: TrainingFreeOptions) -> dict[str, float]:
    return _score_chunks(diffuse(data.x, options.diffusion, query=data.query), data)


def _score_chunks(chunks: Iterator[Tensor], data: Looked) -> dict[str, float]:
    if data.query is None:
        return retrieval_by_scores(chunks, data.labels, ks=data.ks, more=data.more)
    asked, answering = data.labels[data.query], data.labels[~data.query]
    return retrieval_by_scores(chunks, asked, gallery_labels=answering, ks=data.ks, more=data.more)


METHODS: Mapping[str, Callable[[Looked, TrainingFreeOptions], dict[str, float]]] = {
    "plain": _plain,
    "average_qe": lambda data, options: _query_expansion(data, options.neighbours, 0.0, database=False),
    "alpha_qe": lambda data, options: _query_expansion(data, options.neighbours, options.alpha, database=False),
    "alpha_qe_dba": lambda data, options: _query_expansion(data, options.neighbours, options.alpha, database=True),
    "expanded": _expanded,
    "k_reciprocal": _k_reciprocal,
    "diffusion": _diffusion,
}
"""By the name that the embedding gets in `Measurement`; "plain" is the embedding itself."""


def measure_training_free(
    x: Tensor,
    labels: Tensor,
    query: Tensor | None = None,
    ks: Sequence[int] = (1, 2, 4, 8),
    *,
    model: str = "embeddings",
    options: TrainingFreeOptions = TrainingFreeOptions(),
    methods: Sequence[str] = tuple(METHODS),
    more: Sequence[str] = (),
) -> list[Measurement]:
    """Retrieval metrics of an embedding with each method, all by cosine and with the same definitions.

    Labels score and are never seen by a method; a query joins nobody.

    Args:
        x: (N, D).
        labels: long (N,).
        query: bool (N,), which images are looked up in the gallery that the others make; None where each is looked up
            among all others.
        ks: The K of Recall@K.
        model: Whose the embedding is.
        options: Of the methods.
        methods: Names in `METHODS`, in the order wanted.
        more: Other metrics of retrieval, as `gnn_dml.metrics.retrieval` names them.

    Returns:
        A measurement for each method, without clustering and diagnostics.

    Raises:
        UserError: If a method or a metric is unknown, shapes do not fit, or an embedding is not finite or all zero.

    Example:
        >>> import torch
        >>> x = torch.tensor([[1.0, 0.0], [0.9, 0.1], [0.0, 1.0], [0.1, 0.9]])
        >>> found = measure_training_free(x, torch.tensor([0, 0, 1, 1]), ks=(1,), methods=["plain", "alpha_qe"])
        >>> [(one.embedding, one.scores["map@r"]) for one in found]
        [('plain', 1.0), ('alpha_qe', 1.0)]
    """
    if unknown := [name for name in methods if name not in METHODS]:
        raise UserError(f"there is no method {unknown[0]}; there are {', '.join(METHODS)}")
    data = Looked(x, labels, query, ks, more)
    return [_measure(name, data, model, options) for name in methods]


def _measure(name: str, data: Looked, model: str, options: TrainingFreeOptions) -> Measurement:
    try:
        scores = METHODS[name](data, options)
    except ValueError as error:
        raise UserError(f"{model}, {name}: {error}") from error
    unmatched = int(scores.pop("unmatched"))
    return Measurement(model, name, data.x.size(1), replace_nan(scores), {}, unmatched)
