"""What a study says of its runs: a file per run, so that array jobs do not wait for each other and folders merge."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from gnn_dml.config.identity import counted_settings
from gnn_dml.experiments.files import write_text

CELLS = "cells"


def write_cell(folder: Path, config: Mapping[str, Any], overrides: str) -> None:
    """Say which cell a run is.

    Args:
        folder: Of the run, inside that of the study.
        config: Resolved; its `cell` is the name, or where that is null its graph.
        overrides: As typed for the whole study.

    Raises:
        UserError: If the file cannot be written.
    """
    said = {
        "cell": config["cell"] or config["choices"]["graph"],
        "overrides": overrides,
        "settings": counted_settings(config),
    }
    _write_changed(folder.parent / CELLS / f"{folder.name}.json", json.dumps(said, indent=1) + "\n")


def write_cell_order(study_folder: Path, cells: Sequence[str]) -> None:
    """The cells of a study in their order, for tables and plots."""
    _write_changed(study_folder / "cells.json", json.dumps(list(cells)))


def _write_changed(path: Path, text: str) -> None:
    """Leave a file alone that says the same: a finished study may lie where nothing can be written."""
    with suppress(OSError, UnicodeDecodeError):
        if path.read_text(encoding="utf-8") == text:
            return
    write_text(path, text)
