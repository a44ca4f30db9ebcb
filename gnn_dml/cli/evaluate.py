"""`gnn-dml evaluate`: runs, published weights or embeddings from elsewhere, measured."""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gnn_dml.cli.figures import Figures, as_json, member_table, table, without_nan, write_csv
from gnn_dml.cli.models import described, device_of, parted, read_members
from gnn_dml.cli.output import check_output
from gnn_dml.errors import UserError

if TYPE_CHECKING:
    from torch import Tensor

    from gnn_dml.data.images import ImageSplit
    from gnn_dml.evaluation.embed import Embeddings
    from gnn_dml.experiments.trained import Trained

EMBEDDINGS = (".npy", ".npz", ".parquet")
LABELS = (".npy", ".csv", ".txt")


def run(arguments: argparse.Namespace) -> int:
    """Measure what is named and print it."""
    runs, settings = parted(arguments.targets)
    if arguments.csv is not None:
        check_output("--csv", Path(arguments.csv), (".csv",))
    if arguments.embeddings is not None:
        return _from_elsewhere(arguments, [*runs, *settings])
    if arguments.labels is not None:
        raise UserError("--labels goes with --embeddings FILE; a run has the labels of its data set")
    if not runs:
        raise UserError("which run? write for instance: gnn-dml evaluate runs/<study>/<run-id>")
    return _of_members(arguments, runs, settings)


def _of_members(arguments: argparse.Namespace, runs: Sequence[str], settings: Sequence[str]) -> int:
    """One run, or an ensemble with its members."""
    members = read_members(arguments, runs, settings)
    from gnn_dml.experiments.ensemble import check_refined, embed_together, together

    if arguments.refined:
        check_refined(members)
    split, embedded = embed_together(
        members,
        arguments.split,
        device_of(arguments, members),
        refine=arguments.refined is not False,
        workers=arguments.workers,
    )
    name = members[0].name if len(members) == 1 else f"ensemble of {len(members)}"
    how = _How(arguments, members[0].config["protocol"]["ks"], members[0].config["seed"])
    whole = _branches(name, together(embedded), split, how)
    parts = [
        _branches(member.name, found, split, how, alone=False)
        for member, found in zip(members, embedded, strict=True)
        if len(members) > 1
    ]
    if arguments.csv is not None:
        rows = [*whole, *(one for part in parts for one in part)]
        write_csv(Path(arguments.csv), rows, split=arguments.split, images=len(split), metric=arguments.metric)
    if arguments.json:
        print(json.dumps(_members_json(arguments.split, members, whole, parts)))
        return 0
    print("\n".join(described(member, refined=len(whole) == 2) for member in members))
    print(f"{arguments.split} classes: {len(split)} images of {split.num_classes} classes, in percent\n")
    _print(whole, None if split.query is None else int(split.query.sum()), len(split))
    if parts:
        print(f"\nthe members alone, in percent\n\n{member_table(parts)}")
    return 0


class _How:
    """How embeddings are measured: as typed, else as the run was."""

    def __init__(self, arguments: argparse.Namespace, ks: Sequence[int], seed: int) -> None:
        self.ks = arguments.ks or list(ks)
        self.seed: int = seed if arguments.seed is None else arguments.seed
        self.metric = arguments.metric
        self.restarts: int = arguments.restarts

    def figures(
        self, model: str, embedding: str, x: Tensor, labels: Tensor, query: Tensor | None, *, alone: bool = True
    ) -> Figures:
        """All figures of an embedding; of a member of an ensemble, not `alone`, those of retrieval."""
        from gnn_dml.evaluation.score import score_embedding
        from gnn_dml.metrics import diagnostics

        seed = self.seed if alone else None
        try:
            found = score_embedding(
                x, labels, query, ks=self.ks, metric=self.metric, cluster_seed=seed, restarts=self.restarts
            )
            space = diagnostics(x, labels, seed=self.seed) if alone else {}
        except ValueError as error:
            raise UserError(f"{model}, {embedding}: {error}") from error
        unmatched = int(found.pop("unmatched"))
        return Figures(model, embedding, x.size(1), without_nan(found), without_nan(space), unmatched)


def _branches(model: str, embedded: Embeddings, split: ImageSplit, how: _How, *, alone: bool = True) -> list[Figures]:
    """The figures of the backbone embedding, and of the refined one where there is one."""
    branches = {"backbone": embedded.backbone, "refined": embedded.refined}
    return [
        how.figures(model, branch, x, split.labels, split.query, alone=alone)
        for branch, x in branches.items()
        if x is not None
    ]


def _members_json(
    split: str, members: Sequence[Trained], whole: Sequence[Figures], parts: Sequence[Sequence[Figures]]
) -> dict[str, Any]:
    found = as_json(whole)
    for name in [name for name in found if name.startswith("backbone_")]:
        found.setdefault(name.replace("backbone_", "refined_", 1), None)
    out = {"epoch": members[0].epoch if len(members) == 1 else None, "split": split, **found}
    if parts:
        out["members"] = [
            {"run": member.name, "epoch": member.epoch, **as_json(part)}
            for member, part in zip(members, parts, strict=True)
        ]
    return out


def _from_elsewhere(arguments: argparse.Namespace, targets: Sequence[str]) -> int:
    """Embeddings in a file."""
    path, labels = Path(arguments.embeddings), None if arguments.labels is None else Path(arguments.labels)
    _check_files(arguments, path, labels, targets)
    from gnn_dml.evaluation.read_embeddings import read_embeddings

    found = read_embeddings(path, labels)
    x, y, query = found.tensors()
    how = _How(arguments, found.about.get("ks", (1, 2, 4, 8)), found.about.get("seed", 0))
    figures = how.figures(str(path), "embeddings", x, y, query)
    if arguments.csv is not None:
        write_csv(Path(arguments.csv), [figures], images=len(found), metric=arguments.metric)
    if arguments.json:
        print(json.dumps({"embeddings": str(path), "images": len(found), **as_json([figures])}))
        return 0
    classes = len(set(found.labels))
    print(f"{path}: {len(found)} images of {classes} classes, {x.size(1)} channels, in percent\n")
    _print([figures], None if query is None else int(query.sum()), len(found))
    return 0


def _check_files(arguments: argparse.Namespace, path: Path, labels: Path | None, targets: Sequence[str]) -> None:
    """What can be wrong with the arguments around --embeddings, said before torch is loaded."""
    if targets:
        raise UserError(f"--embeddings takes the place of runs and their settings, and there is also {targets[0]}")
    for option in ("refined", "last", "dataset", "refiner", "device", "workers"):
        if getattr(arguments, option) not in (None, False, []):
            raise UserError(f"--{option} goes with runs; --embeddings {path} is a file of embeddings already")
    for option, file, suffixes in (("--embeddings", path, EMBEDDINGS), ("--labels", labels, LABELS)):
        if file is None:
            continue
        if file.suffix not in suffixes:
            raise UserError(f"{option} {file} must be a file with the suffix {', '.join(suffixes)}")
        if not file.is_file():
            raise UserError(f"{option} {file}: there is no such file")
    if path.suffix == ".npy" and labels is None:
        raise UserError(f"--embeddings {path} has no labels; add --labels FILE ({', '.join(LABELS)})")


def _print(figures: Sequence[Figures], queries: int | None, images: int) -> None:
    print(table(figures))
    if unmatched := figures[0].unmatched:
        asked = images if queries is None else queries
        print(
            f"\n{unmatched} of {asked} queries have no image of their class to find; retrieval is over the other "
            f"{asked - unmatched}"
        )
