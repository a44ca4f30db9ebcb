"""What a study says of its runs: a file per run, so that array jobs do not wait for each other and folders merge."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
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
    path = folder.parent / CELLS / f"{folder.name}.json"
    text = json.dumps(said, indent=1) + "\n"
    if not path.is_file() or path.read_text(encoding="utf-8") != text:
        write_text(path, text)


def write_cell_order(study_folder: Path, cells: Sequence[str]) -> None:
    """The cells of a study in their order, for tables and plots."""
    write_text(study_folder / "cells.json", json.dumps(list(cells)))
