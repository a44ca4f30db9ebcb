"""A finished run in its folder: its row, and whether the weights beside it are still those of the row."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from gnn_dml.config.identity import file_sha256
from gnn_dml.errors import UserError

RESULT = "result.json"
STATUSES = ("finished", "diverged")


def read_row(path: Path) -> dict[str, Any]:
    """A result.json.

    Raises:
        UserError: If it is broken.
    """
    try:
        row: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        if not {"run_id", "status", "seed", "backbone_recall@1"} <= row.keys():
            raise ValueError("it is no row of a run")
        if row["status"] not in STATUSES:
            raise ValueError(f"it has the status {row['status']!r}")
        for name in ("seed", "seconds", "backbone_recall@1", "refined_recall@1"):
            if not isinstance(row.get(name), (int, float, type(None))):
                raise ValueError(f"it has {name} = {row.get(name)!r}, which is no number")
    except (OSError, ValueError, AttributeError, TypeError, RecursionError) as error:
        raise UserError(f"{path} cannot be used ({error}); delete that file to run the cell again") from error
    return row


def finished_row(folder: Path) -> dict[str, Any] | None:
    """The row of the run in a folder, or None where it has not ended.

    Raises:
        UserError: If its result.json is broken.
    """
    path = folder / RESULT
    return read_row(path) if path.is_file() else None


def check_weights(folder: Path, *names: str) -> None:
    """Hold the weights in a run's folder against the checksums in its result.json.

    A folder without a result.json, and one of a version that wrote no checksums, has nothing to be held against.

    Args:
        folder: Of the run.
        names: The files to look at; all of them by default.

    Raises:
        UserError: If a file is missing or has changed since the row was written, or result.json is broken.
    """
    row = finished_row(folder)
    written = {} if row is None else row.get("weights") or {}
    if not isinstance(written, dict):
        raise UserError(f"{folder / RESULT} has weights = {written!r}, which is not a checksum for each file")
    for name in names or written:
        if name not in written:
            continue
        file = folder / name
        if not file.is_file():
            raise UserError(f"{file} is missing, and {RESULT} beside it belongs to it; {_AGAIN}")
        if (found := file_sha256(file)) != written[name]:
            raise UserError(
                f"{file} has changed since its run ended: its SHA-256 is {found[:12]}..., and {RESULT} says "
                f"{str(written[name])[:12]}...; {_AGAIN}"
            )


_AGAIN = f"delete {RESULT} to run the cell again"
