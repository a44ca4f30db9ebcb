"""What a study says of its runs: a file in the folder of each, so that array jobs do not wait and folders merge."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from gnn_dml.columns import FAILED
from gnn_dml.config.identity import counted_settings
from gnn_dml.experiments.study import Study
from gnn_dml.experiments.study_files import write_changed, write_text
from gnn_dml.results.cell_of import CELL, cell_files


def write_cell(folder: Path, config: Mapping[str, Any], overrides: str, *, typed: Sequence[str] | None = None) -> None:
    """Say which cell a run is.

    Args:
        folder: Of the run, inside that of the study.
        config: Resolved; its `cell` is the name, or where that is null its graph.
        overrides: As typed for the whole study.
        typed: The settings of the cell in its study; None for a run of no study.

    Raises:
        UserError: If the file cannot be written.
    """
    said = {
        "cell": config["cell"] or config["choices"]["graph"],
        "overrides": overrides,
        "settings": counted_settings(config),
        "typed": None if typed is None else list(typed),
    }
    write_changed(folder / CELL, json.dumps(said, indent=1) + "\n")


def write_cell_order(study_folder: Path, cells: Sequence[str]) -> None:
    """The cells of a study in their order, for tables and plots."""
    write_changed(study_folder / "cells.json", json.dumps(list(cells)), inside=study_folder)


def mark_former(study_folder: Path, study: Study, configs: Sequence[Mapping[str, Any]], overrides: str) -> list[str]:
    """Mark the runs of cells that an edited study has no more, so that no table mixes them with its own.

    A run is such where the study has no cell of its name, or one with other settings; seeds make no difference. The
    folder of the run stays as it is, and a study that has the cell again unmarks it.

    Args:
        study_folder: With the files of `write_cell`.
        study: As it is now.
        configs: Its runs under `overrides`, resolved.
        overrides: As typed for the whole study.

    Returns:
        The names of runs that were marked now or before.
    """
    planned: dict[str, list[tuple[int, Any]]] = {}
    for config in configs:
        settings = json.loads(json.dumps(counted_settings(config)))
        planned.setdefault(str(config["cell"]), []).append((int(config["seed"]), settings))
    former = []
    for folder, path in cell_files(study_folder):
        said = _read(path)
        if said is None or not any((folder / name).is_file() for name in ("result.json", FAILED)):
            continue
        if "typed" in said and said["typed"] is None:
            continue  # trained alone, under the name of this study
        if _is_former(said, study, planned, overrides):
            former.append(folder.name)
            if not said.get("former"):
                write_text(folder / CELL, json.dumps({**said, "former": True}, indent=1) + "\n")
    return former


def _is_former(
    said: Mapping[str, Any],
    study: Study,
    planned: Mapping[str, Sequence[tuple[int, Any]]],
    overrides: str,
) -> bool:
    cell, settings, typed = said.get("cell"), said.get("settings"), said.get("typed")
    if not isinstance(cell, str) or cell not in study.cells:
        return True
    if typed is not None and typed != [*study.overrides, *study.cells[cell]]:
        return True
    if said.get("overrides") != overrides or not isinstance(settings, Mapping):
        return False
    seed = settings.get("seed")
    return not any(_equal(settings, seed, wanted, own) for own, wanted in planned.get(cell, ()))


def _equal(one: Mapping[str, Any], seed: Any, other: Mapping[str, Any], other_seed: int) -> bool:
    """Whether settings are the same but for the seed, and for what follows it."""
    if one.keys() != other.keys():
        return False
    return all(
        one[name] == other[name] or (one[name] == seed and other[name] == other_seed and type(seed) is int)
        for name in one
    )


def _read(path: Path) -> dict[str, Any] | None:
    try:
        held = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return held if isinstance(held, dict) else None
