"""The embeddings of a split as a table, and in a file."""

from __future__ import annotations

from collections.abc import Sequence

from gnn_dml.evaluation.embedding_files import EmbeddingTable, number_equal_names, write_embeddings
from gnn_dml.evaluation.ensemble import check_refiners, embed_ensemble, join_embeddings
from gnn_dml.experiments.load_models import Name, choose_device, load_models
from gnn_dml.experiments.output import check_output
from gnn_dml.experiments.trained import Trained
from gnn_dml.text import typed_path

SUFFIXES = (".parquet", ".npz")


def embed_runs(
    runs: Name | Sequence[Name],
    *,
    out: Name | None = None,
    replace: bool = False,
    settings: Sequence[str] = (),
    split: str = "test",
    last: bool = False,
    dataset: str | None = None,
    refiners: Sequence[Name] = (),
    refined: bool = False,
    device: str | None = None,
    workers: int | None = None,
    trust: Sequence[str] = (),
    config_dirs: Sequence[str] = (),
) -> EmbeddingTable:
    """The embeddings of a split, as `gnn-dml embed` writes them; several runs are an ensemble.

    Args:
        runs: See `gnn_dml.experiments.load_models.load_models`, as `settings`, `last`, `dataset`, `refiners`, `trust`.
        out: A .parquet or .npz file to write; None writes none.
        replace: Whether `out` may be there already.
        settings: See `runs`.
        split: "train", "val" or "test"; several with commas between; or "all", for whatever is there.
        last: See `runs`.
        dataset: Likewise.
        refiners: Likewise.
        refined: The refined embedding instead of the backbone's.
        device: "auto", "cpu", "cuda" or "mps"; None as a setting says, or automatically.
        workers: Processes that load images; None as the run has it.
        trust: See `runs`.
        config_dirs: Likewise.

    Raises:
        UserError: If something is missing, unreadable, or does not fit, or the file cannot be written.
    """
    path = None if out is None else check_output("out", typed_path(out), SUFFIXES, replace=replace)
    models = load_models(
        runs, settings=settings, last=last, dataset=dataset, refiners=refiners, trust=trust, config_dirs=config_dirs
    )
    table = embed_models(models, split=split, refined=refined, device=device, workers=workers)
    if path is not None:
        write_embeddings(path, table)
    return table


def embed_models(
    models: Sequence[Trained],
    *,
    split: str = "test",
    refined: bool = False,
    device: str | None = None,
    workers: int | None = None,
) -> EmbeddingTable:
    """One of the two embeddings of one model or of an ensemble, with what the figures of `evaluate` depend on."""
    if refined:
        check_refiners({model.name: model.learner for model in models})
    computing = choose_device(models, device)
    members = [model.read_split(split, workers=workers, labelled=False) for model in models]
    embedded = join_embeddings(embed_ensemble(members, computing, refine=refined))
    x = embedded.refined if refined else embedded.backbone
    assert x is not None
    images = members[0].split
    names = number_equal_names(images.class_names)
    first = models[0].config
    return EmbeddingTable(
        x.numpy(),
        tuple(names[label] for label in images.labels.tolist()),
        images.image_names,
        None if images.query is None else images.query.numpy(),
        {
            "runs": [model.name for model in models],
            "embedding": "refined" if refined else "backbone",
            "split": split,
            "seed": first["seed"],
            "ks": list(first["protocol"]["ks"]),
        },
    )
