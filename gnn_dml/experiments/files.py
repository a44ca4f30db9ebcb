"""The files of a run, written so that a crash leaves the old one or the new one."""

from __future__ import annotations

import csv
import io
import json
import zipfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch

from gnn_dml.atomic import write_atomically
from gnn_dml.config.identity import file_sha256
from gnn_dml.experiments.failed import UnwritableError
from gnn_dml.models.weights_file import open_file

Confirm = Callable[[], object]


def write_whole(path: Path, write: Callable[[Path], object], *, confirm: Confirm | None = None) -> None:
    """Write a file of a run atomically.

    Args:
        path: The file.
        write: Called with a temporary path to fill.
        confirm: Called before writing and again before the file gets its name; it raises where this process may not
            write here any more, see `gnn_dml.experiments.claim.Claim.confirm`.

    Raises:
        UnwritableError: If the file cannot be written; what stood there before still stands there.
    """

    def confirmed(partial: Path) -> None:
        write(partial)
        if confirm is not None:
            confirm()

    if confirm is not None:
        confirm()
    try:
        write_atomically(path, confirmed)
    except OSError as error:
        if confirm is not None:
            confirm()  # the one that took over may have removed what was half written
        raise UnwritableError(f"cannot write {path}: {error}; choose another folder with out=FOLDER") from error


def write_text(path: Path, text: str, *, confirm: Confirm | None = None) -> None:
    """Write a text file atomically."""
    write_whole(path, lambda partial: partial.write_text(text, encoding="utf-8"), confirm=confirm)


def write_json(path: Path, row: Mapping[str, Any], *, confirm: Confirm | None = None) -> None:
    """Write one JSON object atomically; NaN is not allowed to reach the file."""
    write_text(path, json.dumps(row, indent=2, allow_nan=False) + "\n", confirm=confirm)


def write_rows(path: Path, rows: Sequence[Mapping[str, Any]], *, confirm: Confirm | None = None) -> None:
    """Write dictionaries with equal keys as a CSV file, atomically."""
    buffer = io.StringIO()
    if rows:
        writer = csv.DictWriter(buffer, list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
    write_text(path, buffer.getvalue(), confirm=confirm)


def save(path: Path, state: Mapping[str, Any], *, confirm: Confirm | None = None) -> str:
    """Save tensors and plain values atomically.

    Returns:
        The SHA-256 of what was written.

    Raises:
        UserError: If the file cannot be written.
    """
    sums: list[str] = []

    def write(partial: Path) -> None:
        try:
            with partial.open("wb") as file:
                torch.save(dict(state), file)
        except RuntimeError as error:
            # torch hides why it could not write, for instance that the disk is full.
            if isinstance(error.__context__, OSError):
                raise error.__context__ from None
            raise
        sums.append(file_sha256(partial))

    write_whole(path, write, confirm=confirm)
    return sums[0]


def load(path: Path) -> dict[str, Any]:
    """Load what `save` wrote, on the CPU, running no code from the file."""
    state: dict[str, Any] = open_file(path)
    return state


def load_undamaged(path: Path) -> dict[str, Any]:
    """As `load`, holding every part of the file against the checksum that the file has for it.

    Raises:
        ValueError: If a part has changed.
        Exception: Of many kinds, if the file is no such file.
    """
    with zipfile.ZipFile(path) as archive:
        if (part := archive.testzip()) is not None:
            raise ValueError(f"{part} in it is damaged")
    return load(path)
