"""`gnn-dml evaluate`: runs, published weights or embeddings from elsewhere, measured."""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from gnn_dml.cli.models import images_and_device, load_named
from gnn_dml.cli.parser.models import split_targets
from gnn_dml.cli.tables import format_members, format_methods, format_table
from gnn_dml.errors import UserError
from gnn_dml.experiments.output import check_input, check_output
from gnn_dml.text import typed_path

if TYPE_CHECKING:
    from gnn_dml.evaluation.measurement import Measurement
    from gnn_dml.experiments.evaluate_models import Evaluation


_ONE_CLASS = "\nall images are of one class: whatever is found is right, and there is nothing to tell apart"


def run(arguments: argparse.Namespace) -> int:
    """Measure what is named and print it."""
    runs, settings = split_targets(arguments.targets)
    if arguments.csv is not None:
        check_output("--csv", typed_path(arguments.csv), (".csv",))
    if arguments.embeddings is not None:
        return _run_file(arguments, [*runs, *settings])
    if arguments.labels is not None:
        raise UserError("--labels goes with --embeddings FILE; a run has the labels of its data set")
    if not runs:
        raise UserError("which run? write for instance: gnn-dml evaluate runs/<study>/<run-id>")
    return _run_models(arguments, runs, settings)


def _run_models(arguments: argparse.Namespace, runs: Sequence[str], settings: Sequence[str]) -> int:
    """One run, or an ensemble with its members."""
    models = load_named(arguments, runs, settings)
    from gnn_dml.evaluation.measurement import write_csv
    from gnn_dml.experiments.evaluate_models import evaluate_models

    found = evaluate_models(
        models, **images_and_device(arguments), **_options(arguments), training_free=arguments.training_free
    )
    split = found.split
    if arguments.csv is not None:
        every = [*found.whole, *found.training_free, *(one for member in found.members for one in member)]
        write_csv(typed_path(arguments.csv), every, **found.same)
    if arguments.json:
        print(json.dumps(_to_json(found)))
        return 0
    print("\n".join(model.describe(refined=len(found.whole) == 2) for model in models))
    for note in found.notes:
        print(f"  {note}")
    print(f"{arguments.split} classes: {len(split)} images of {split.num_classes} classes, in percent\n")
    _print_table(found.whole, None if split.query is None else int(split.query.sum()), len(split))
    if split.num_classes == 1:
        print(_ONE_CLASS)
    if found.training_free:
        print(f"\nwithout training, on the backbone's embedding, in percent\n\n{format_methods(found.training_free)}")
        expansion = models[0].expansion if len(models) == 1 else None
        print("\nexpanded: " + ("by default settings" if expansion is None else f"{expansion}, as the run chose"))
    if found.members:
        print(f"\nthe members alone, in percent\n\n{format_members(found.members)}")
    return 0


def _options(arguments: argparse.Namespace) -> dict[str, Any]:
    names = ("ks", "metric", "restarts", "kmeans_normalize", "seed", "more")
    return {name: getattr(arguments, name) for name in names}


def _to_json(found: Evaluation) -> dict[str, Any]:
    from gnn_dml.evaluation.measurement import to_json

    whole = to_json(found.whole)
    for name in [name for name in whole if name.startswith("backbone_")]:
        whole.setdefault(name.replace("backbone_", "refined_", 1), None)
    if found.training_free:
        whole |= {name: value for name, value in to_json(found.training_free).items() if name != "unmatched"}
    out = {"epoch": found.models[0].epoch if len(found.models) == 1 else None, **found.same, **whole}
    if found.remarks:
        out["remarks"] = found.remarks
    if found.members:
        out["members"] = [
            {"run": model.name, "epoch": model.epoch, **to_json(member)}
            for model, member in zip(found.models, found.members, strict=True)
        ]
    return out


def _run_file(arguments: argparse.Namespace, targets: Sequence[str]) -> int:
    """Embeddings in a file."""
    path = arguments.embeddings
    if targets:
        raise UserError(f"--embeddings takes the place of runs and their settings, and there is also {targets[0]}")
    for option in ("refined", "training_free", "last", "dataset", "refiner", "device", "workers"):
        if getattr(arguments, option) not in (None, False, []):
            raise UserError(
                f"--{option.replace('_', '-')} goes with runs; --embeddings {path} is a file of embeddings already"
            )
    check_input("--embeddings", typed_path(path))
    if arguments.labels is not None:
        check_input("--labels", typed_path(arguments.labels))
    from gnn_dml.evaluation.measurement import to_json, write_csv
    from gnn_dml.experiments.evaluate_file import evaluate_file

    found = evaluate_file(path, arguments.labels, **_options(arguments))
    table, measured = found.table, found.measurement
    if arguments.csv is not None:
        write_csv(typed_path(arguments.csv), [measured], images=len(table), metric=arguments.metric)
    if arguments.json:
        remarks = {"remarks": list(measured.notes)} if measured.notes else {}
        print(json.dumps({"embeddings": str(found.path), "images": len(table), **to_json([measured]), **remarks}))
        return 0
    classes = len(set(table.labels))
    print(f"{found.path}: {len(table)} images of {classes} classes, {measured.channels} channels, in percent\n")
    _print_table([measured], None if table.query is None else int(table.query.sum()), len(table))
    if 0 < (zero := int((~table.vectors.any(axis=1)).sum())) < len(table):
        print(f"\n{zero} of {len(table)} embeddings are all zero and have no direction: their space has no figures")
    if classes == 1:
        print(_ONE_CLASS)
    return 0


def _print_table(measurements: Sequence[Measurement], queries: int | None, images: int) -> None:
    print(format_table(measurements))
    if unmatched := measurements[0].unmatched:
        asked = images if queries is None else queries
        print(
            f"\n{unmatched} of {asked} queries have no image of their class to find; retrieval is over the other "
            f"{asked - unmatched}"
        )
    for one in measurements:
        for sentence in one.notes:
            print(f"\n{one.embedding}: {sentence}" if len(measurements) > 1 else f"\n{sentence}")
