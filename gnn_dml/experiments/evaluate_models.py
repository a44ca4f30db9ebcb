"""Measure trained weights, alone or as an ensemble, on a split of a data set."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal

from gnn_dml.config.transfer import normalization_of
from gnn_dml.data.counts import count_split
from gnn_dml.data.images import ImageSplit
from gnn_dml.evaluation.ensemble import check_refiners, embed_ensemble, join_embeddings
from gnn_dml.evaluation.measurement import Measurement, MetricOptions, measure_branches, to_rows
from gnn_dml.evaluation.training_free import TrainingFreeOptions, measure_training_free
from gnn_dml.experiments.choice import weakness_of
from gnn_dml.experiments.frames import make_frame
from gnn_dml.experiments.load_models import Name, choose_device, load_models
from gnn_dml.experiments.trained import Trained

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class Evaluation:
    """What was measured of some models on the same images.

    Attributes:
        models: One, or the members of an ensemble.
        split_name: "train", "val" or "test".
        split: Its images.
        metric: What near means.
        whole: The embeddings of the one model, or of the ensemble.
        members: Those of each member of an ensemble; empty for one model.
        training_free: What neighbours give without training, on the backbone's embedding of the whole; empty where it
            was not asked for.
    """

    models: Sequence[Trained]
    split_name: str
    split: ImageSplit
    metric: str
    whole: Sequence[Measurement]
    members: Sequence[Sequence[Measurement]]
    training_free: Sequence[Measurement] = ()

    def rows(self) -> list[dict[str, Any]]:
        """A row per embedding: of the whole, of the training-free methods on it, then of each member."""
        measurements = [*self.whole, *self.training_free, *(one for member in self.members for one in member)]
        return to_rows(measurements, **self.same)

    @property
    def same(self) -> dict[str, Any]:
        """What all rows were measured on; the transform is that of the first model."""
        transform = self.models[0].config["dataset"]["transform"]
        return {
            "split": self.split_name,
            "images": len(self.split),
            "image_size": transform.get("size"),
            "normalize": normalization_of(transform),
            "metric": self.metric,
        }

    @property
    def remarks(self) -> list[str]:
        """In sentences, what is to be known of the figures."""
        found = [remark for model in self.models for remark in model.remarks]
        return list(dict.fromkeys([*found, *self.notes]))

    @property
    def notes(self) -> list[str]:
        """Those of them that are about the split."""
        known = dict.fromkeys(model.knows(self.split_name) for model in self.models)
        return [note for note in (*known, weakness_of(self.split_name, count_split(self.split))) if note]

    def frame(self) -> pd.DataFrame:
        """The rows; `member` says which of them are of a member, `epoch` after which the weights were taken."""
        of_whole = len(self.whole) + len(self.training_free)
        epochs: list[int | None] = [self.models[0].epoch if len(self.models) == 1 else None] * of_whole
        for model, member in zip(self.models, self.members, strict=False):
            epochs += [model.epoch] * len(member)
        rows = [
            {"member": place >= of_whole, "epoch": epoch, **row}
            for place, (epoch, row) in enumerate(zip(epochs, self.rows(), strict=True))
        ]
        return make_frame(rows)


def evaluate(
    runs: Name | Sequence[Name],
    *,
    settings: Sequence[str] = (),
    split: str = "test",
    last: bool = False,
    dataset: str | None = None,
    refiners: Sequence[Name] = (),
    refined: bool | None = None,
    ks: Sequence[int] | None = None,
    metric: Literal["cosine", "euclidean"] = "cosine",
    restarts: int = 1,
    seed: int | None = None,
    device: str | None = None,
    workers: int | None = None,
    training_free: bool = False,
    more: Sequence[str] = (),
    kmeans_normalize: bool = True,
    trust: Sequence[str] = (),
    config_dirs: Sequence[str] = (),
) -> pd.DataFrame:
    """Measure trained weights, as `gnn-dml evaluate` does; several runs are an ensemble.

    Args:
        runs: See `gnn_dml.experiments.load_models.load_models`, as `settings`, `last`, `dataset`, `refiners`, `trust`.
        settings: Likewise.
        split: "train", "val" or "test".
        last: See `runs`.
        dataset: Likewise.
        refiners: Likewise.
        refined: Whether to measure the refined embedding too; None where there is a refiner.
        ks: The K of Recall@K; None as the first run has it.
        metric: What near means for retrieval.
        restarts: Of k-means.
        seed: Of k-means; None as the first run has it.
        device: "auto", "cpu", "cuda" or "mps"; None as a setting says, or automatically.
        workers: Processes that load images; None as the run has it.
        training_free: Whether to measure what neighbours give without training too: query expansion, re-ranking and
            diffusion (`gnn_dml.evaluation.training_free`). They look by cosine, and score retrieval alone.
        more: Other metrics of retrieval, such as "mrr"; `gnn_dml.metrics.retrieval` defines them.
        kmeans_normalize: Whether k-means is of the L2-normalised embeddings; see `gnn_dml.metrics.clustering`.
        trust: See `runs`.
        config_dirs: Likewise.

    Returns:
        A row per embedding, those of an ensemble before those of its members: `model`, `embedding`, `member`, `epoch`,
        `split`, `images`, `image_size`, `normalize`, `metric`, `channels`, `recall@k`, `map@r`, `r_precision`, `nmi`,
        `ami`, the diagnostics, and `unmatched`. Fractions in [0, 1]; NaN where there is no number. Members have the
        metrics of retrieval alone. Its `attrs` have `remarks`: sentences on how images are seen other than as trained.

    Raises:
        UserError: If something is missing, unreadable, or does not fit.
    """
    models = load_models(
        runs, settings=settings, last=last, dataset=dataset, refiners=refiners, trust=trust, config_dirs=config_dirs
    )
    found = evaluate_models(
        models,
        split=split,
        refined=refined,
        ks=ks,
        metric=metric,
        restarts=restarts,
        seed=seed,
        device=device,
        workers=workers,
        training_free=training_free,
        more=more,
        kmeans_normalize=kmeans_normalize,
    )
    frame = found.frame()
    frame.attrs["remarks"] = found.remarks
    return frame


def evaluate_models(
    models: Sequence[Trained],
    *,
    split: str = "test",
    refined: bool | None = None,
    ks: Sequence[int] | None = None,
    metric: Literal["cosine", "euclidean"] = "cosine",
    restarts: int = 1,
    seed: int | None = None,
    device: str | None = None,
    workers: int | None = None,
    training_free: bool = False,
    more: Sequence[str] = (),
    kmeans_normalize: bool = True,
) -> Evaluation:
    """Measure one model, or several as an ensemble; see `evaluate`."""
    if refined:
        check_refiners({model.name: model.learner for model in models})
    first = models[0].config
    options = MetricOptions(
        ks=ks or list(first["protocol"]["ks"]),
        seed=first["seed"] if seed is None else seed,
        metric=metric,
        restarts=restarts,
        more=more,
        normalize=kmeans_normalize,
    )
    computing = choose_device(models, device)
    members = [model.read_split(split, workers=workers) for model in models]
    embedded = embed_ensemble(members, computing, refine=refined is not False)
    images = members[0].split
    name = models[0].name if len(models) == 1 else f"ensemble of {len(models)}"
    joined = join_embeddings(embedded)
    free: list[Measurement] = []
    if training_free:
        chosen = TrainingFreeOptions()
        if len(models) == 1 and models[0].expansion is not None:
            chosen = replace(chosen, expansion=models[0].expansion)
        free = measure_training_free(
            joined.backbone, images.labels, images.query, options.ks, model=name, options=chosen, more=options.more
        )
    return Evaluation(
        models=models,
        split_name=split,
        split=images,
        metric=metric,
        whole=measure_branches(name, joined, images, options=options),
        training_free=free,
        members=[
            measure_branches(model.name, embeddings, images, options=options, retrieval_only=True)
            for model, embeddings in zip(models, embedded, strict=True)
            if len(models) > 1
        ],
    )
