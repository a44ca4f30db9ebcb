"""What a study says of itself in its folder: `study.json` for statistics, `planned.json` for whoever looks on."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gnn_dml.atomic import write_atomically
from gnn_dml.config.identity import run_id
from gnn_dml.errors import UserError
from gnn_dml.experiments.study_question import METRICS, REFERENCE
from gnn_dml.text import show_name

if TYPE_CHECKING:
    from gnn_dml.experiments.study import Study

STUDY = "study.json"
PLANNED = "planned.json"

FORMAT = 1
"""Of a study's folder; a version that changes what it means counts it up."""


def describe_study(study: Study) -> dict[str, Any]:
    """What `study.json` holds: what is asked, the cells in their order, and what is varied in each of a grid."""
    reference = study.reference or (REFERENCE if REFERENCE in study.cells else None)
    return {
        "format": FORMAT,
        "name": study.name,
        "question": study.question,
        "reference": reference,
        "margin": study.margin,
        "metrics": list(study.metrics or METRICS),
        "cells": list(study.cells),
        "factors": {cell: dict(varied) for cell, varied in study.factors.items()},
    }


def write_study(folder: Path, study: Study) -> None:
    """Write `study.json`; a file that says the same stays as it is.

    Args:
        folder: Of the study.
        study: What it is.

    Raises:
        UserError: If it cannot be written.
    """
    write_changed(folder / STUDY, json.dumps(describe_study(study), indent=1) + "\n", inside=folder)


def read_study_file(folder: Path) -> dict[str, Any]:
    """What `study.json` says; empty where there is none, as in folders of earlier versions.

    Args:
        folder: Of the study.

    Raises:
        UserError: If it is of a newer version, or cannot be understood.
    """
    said = _read(folder / STUDY)
    if said and said.get("format") != FORMAT:
        raise UserError(
            f"{folder} is the folder of a study of another version: {STUDY} has the format "
            f"{show_name(str(said.get('format')))[:40]}, and this version knows {FORMAT}; update gnn-dml, or choose "
            "another folder with out=FOLDER"
        )
    return said


def write_plan(folder: Path, configs: Sequence[Mapping[str, Any]]) -> None:
    """Write `planned.json`: the runs of a study in their order, as it was started last.

    Args:
        folder: Of the study.
        configs: All of its runs, resolved.

    Raises:
        UserError: If it cannot be written.
    """
    runs = [
        {
            "run_id": run_id(config),
            "cell": config["cell"],
            "seed": config["seed"],
            "epochs": config["protocol"]["epochs"],
        }
        for config in configs
    ]
    lines = ",\n".join(json.dumps(run) for run in runs)
    write_changed(folder / PLANNED, f'{{"format": {FORMAT}, "runs": [\n{lines}\n]}}\n', inside=folder)


def read_plan(folder: Path) -> list[dict[str, Any]]:
    """The runs of `planned.json`; none where there is no such file.

    Args:
        folder: Of the study.

    Raises:
        UserError: If it cannot be understood.
    """
    runs = _read(folder / PLANNED).get("runs", [])
    if not isinstance(runs, list) or not all(_is_run(run) for run in runs):
        raise UserError(f"{folder / PLANNED} is no list of runs; delete it, and `gnn-dml ablate` writes it again")
    return runs


def _is_run(run: object) -> bool:
    kinds = {"run_id": str, "cell": str, "seed": int, "epochs": int}
    if not isinstance(run, dict) or not all(isinstance(run.get(name), kind) for name, kind in kinds.items()):
        return False
    return "/" not in run["run_id"] and run["run_id"] not in ("", ".", "..")


def _read(path: Path) -> dict[str, Any]:
    try:
        held = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise UserError(f"cannot read {path}: {error.strerror or error}") from error
    except (ValueError, RecursionError) as error:
        raise UserError(f"{path} cannot be read as JSON ({error}); delete it, and it is written again") from error
    if not isinstance(held, dict):
        raise UserError(f"{path} holds no JSON object; delete it, and it is written again")
    return held


def write_changed(path: Path, text: str, *, inside: Path | None = None) -> None:
    """Write a small file atomically, but leave one alone that says the same: a study may lie where nobody can write.

    Args:
        path: The file.
        text: What it is to hold.
        inside: Folder of the temporary file; what is half written in the folder of a run belongs to whoever trains it.

    Raises:
        UserError: If it cannot be written.
    """
    with suppress(OSError, UnicodeDecodeError):
        if path.read_text(encoding="utf-8") == text:
            return
    write_text(path, text, inside=inside)


def write_text(path: Path, text: str, *, inside: Path | None = None) -> None:
    """As `write_changed`, in any case."""
    try:
        write_atomically(
            path, lambda partial: partial.write_text(text, encoding="utf-8"), inside=inside or path.parent.parent
        )
    except OSError as error:
        raise UserError(f"cannot write {path}: {error}; choose another folder with out=FOLDER") from error
