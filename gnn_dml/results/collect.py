"""Read the runs of a study into one frame, and rebuild the study's results.csv from them."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pandas as pd

from gnn_dml.atomic import sweep_partials
from gnn_dml.columns import FAILED
from gnn_dml.errors import UserError
from gnn_dml.results.cell_of import CELL, FORMER_FOLDER
from gnn_dml.results.files import locked, write_frame
from gnn_dml.results.frame import make_frame
from gnn_dml.results.rows import read_cell_order, read_rows

RESULT = "result.json"
"""In the folder of a run that has ended."""

READ = "read"
"""In the `attrs` of a frame: the state of its study when it was read, and how many rows there were."""


def collect(study_dir: Path, *, on_unwritten: Callable[[str], object] | None = None) -> pd.DataFrame:
    """Read every finished, diverged or failed run of a study and rebuild its `results.csv`.

    Folders without a `result.json` are runs that have not ended yet and are left out. The csv is replaced in one step,
    so whoever reads it sees the old or the new one and never half of one, and only if it changes. Processes wait for
    each other where the file system knows locks; where it does not, each looks again after it wrote whether a run has
    ended meanwhile, so no row is lost either way.

    Args:
        study_dir: The folder with one folder per run, and optionally a `cells.json`, the cells in
            their order; a run may have a `cell.json` beside its `result.json`.
        on_unwritten: Called with a sentence where `results.csv` cannot be written, for instance because another program
            holds it open; without it that is an error.

    Returns:
        One row per run, sorted by cell (in the order of `cells.json`, the others alphabetically after them),
        overrides and seed, with the columns of `gnn_dml.columns`. Missing numbers are missing, missing texts empty.
        Runs of cells that the study has no more (`former` in the file of the run) are left out. In its `attrs`, under
        `damaged`, a sentence for each file that cannot be understood: its run is left out, and no other.

    Raises:
        UserError: When the folder is missing or holds no ended run that can be understood, or results.csv cannot be
            written.
    """
    if not study_dir.is_dir():
        raise UserError(f"there is no study folder {study_dir}")
    path = study_dir / "results.csv"
    with locked(study_dir):
        seen = None
        while seen != (seen := _state(study_dir)):
            frame = read_study(study_dir)
            try:
                write_frame(path, frame)
            except UserError as error:
                said = f"{error}; the rows are safe in */{RESULT}"
                if on_unwritten is None:
                    raise UserError(said) from error
                on_unwritten(said)
                break
        sweep_partials(study_dir)
    frame.attrs[READ] = [seen, len(frame)]
    return frame


def is_all_of(frame: pd.DataFrame, study_dir: Path) -> bool:
    """Whether a frame that `collect` returned still has all of its rows, and the files of the runs have not changed.

    Args:
        frame: Perhaps with some of the rows alone.
        study_dir: The folder of the study.
    """
    return READ in frame.attrs and frame.attrs[READ] == [_state(study_dir), len(frame)]


def read_study(study_dir: Path) -> pd.DataFrame:
    """The frame that `collect` returns, with nothing written.

    Raises:
        UserError: When the folder is missing or holds no ended run that can be understood.
    """
    rows, damaged = read_study_rows(study_dir)
    try:
        order = read_cell_order(study_dir / "cells.json")
    except UserError as error:
        order, damaged = [], [*damaged, f"{error}; the cells are in alphabetical order"]
    frame = make_frame(rows, order)
    frame.attrs["damaged"] = damaged
    return frame


def read_study_rows(study_dir: Path) -> tuple[list[dict[str, Any]], list[str]]:
    """The rows of a study with their settings, and a sentence for each run that cannot be understood.

    Raises:
        UserError: When the folder is missing or holds no ended run that can be understood.
    """
    if not study_dir.is_dir():
        raise UserError(f"there is no study folder {study_dir}")
    rows, damaged = read_rows(_ended(study_dir))
    if not rows and damaged:
        raise UserError("; ".join(damaged))
    if not rows:
        raise UserError(f"{study_dir} has no run with a {RESULT}: no run of this study has ended yet")
    return rows, damaged


def _ended(study_dir: Path) -> list[Path]:
    """The row of every run that has ended, by the names of their folders."""
    found = []
    for name in sorted(os.listdir(study_dir)):  # noqa: PTH208 - many of them
        run = study_dir / name
        found += [path for path in (run / RESULT, run / FAILED) if path.exists()][:1]
    return found


def _state(folder: Path) -> str:
    """A checksum of what `results.csv` is made from: names of files, with the times of change."""
    found = []
    with suppress(OSError):  # not there, which is said when it is read
        runs = [entry.path for entry in os.scandir(folder)]
        former = [str(path) for path in folder.glob(f"{FORMER_FOLDER}/*.json")]
        parts = [f"{run}{os.sep}{name}" for run in runs for name in (RESULT, FAILED, CELL)]
        for path in [*parts, *former, str(folder / "cells.json")]:
            try:
                found.append((path, os.stat(path).st_mtime_ns))  # noqa: PTH116 - many of them
            except OSError:  # not there, or gone since it was listed
                continue
    return hashlib.sha256(repr(sorted(found)).encode()).hexdigest()
