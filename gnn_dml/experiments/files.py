"""The files of a run, written so that a crash leaves the old one or the new one."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch

from gnn_dml.atomic import write_atomically
from gnn_dml.errors import UserError
from gnn_dml.models.weights_file import open_file


def write_whole(path: Path, write: Callable[[Path], object]) -> None:
    """Write a file of a run atomically.

    Raises:
        UserError: If the file cannot be written; what stood there before still stands there.
    """
    try:
        write_atomically(path, write)
    except OSError as error:
        raise UserError(f"cannot write {path}: {error}; choose another folder with out=FOLDER") from error


def write_text(path: Path, text: str) -> None:
    """Write a text file atomically."""
    write_whole(path, lambda partial: partial.write_text(text, encoding="utf-8"))


def write_json(path: Path, row: Mapping[str, Any]) -> None:
    """Write one JSON object atomically; NaN is not allowed to reach the file."""
    write_text(path, json.dumps(row, indent=2, allow_nan=False) + "\n")


def write_rows(path: Path, rows: Sequence[Mapping[str, Any]]) -> None:
    """Write dictionaries with equal keys as a CSV file, atomically."""
    buffer = io.StringIO()
    if rows:
        writer = csv.DictWriter(buffer, list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
    write_text(path, buffer.getvalue())


def save(path: Path, state: Mapping[str, Any]) -> None:
    """Save tensors and plain values atomically."""
    write_whole(path, lambda partial: torch.save(dict(state), partial))


def load(path: Path) -> dict[str, Any]:
    """Load what `save` wrote, on the CPU, running no code from the file."""
    state: dict[str, Any] = open_file(path)
    return state
