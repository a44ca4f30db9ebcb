"""Where it stands which cell of its study a run is."""

from __future__ import annotations

from pathlib import Path

CELL = "cell.json"
"""In the folder of a run; whole folders merge by copying."""

FORMER_FOLDER = "cells"
"""Of a study: earlier versions had a file per run there, by the name of its folder."""


def cell_file(folder: Path) -> Path | None:
    """The file that says which cell a run is, None where no study named it.

    Args:
        folder: Of the run, inside that of the study.
    """
    if (path := folder / CELL).is_file():
        return path
    old = folder.parent / FORMER_FOLDER / f"{folder.name}.json"
    return old if old.is_file() else None


def cell_files(study_folder: Path) -> list[tuple[Path, Path]]:
    """The folder of every run that a study named, and that file, in the order of their names."""
    named = {path.parent.name for path in study_folder.glob(f"*/{CELL}")}
    named |= {path.stem for path in study_folder.glob(f"{FORMER_FOLDER}/*.json")}
    folders = [study_folder / name for name in sorted(named)]
    return [(folder, path) for folder in folders if (path := cell_file(folder)) is not None]
