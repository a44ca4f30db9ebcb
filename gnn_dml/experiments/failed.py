"""A run that ended in an error: its row says so, and the study goes on without it."""

from __future__ import annotations

import json
import traceback
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from gnn_dml import __version__
from gnn_dml.columns import FAILED
from gnn_dml.config.identity import counted_settings, run_id
from gnn_dml.errors import UserError
from gnn_dml.experiments.study_files import write_text

TRACEBACK = "failed.txt"
_LONGEST = 500
"""Characters of an error in a row."""


class UnwritableError(UserError):
    """A file of a run cannot be written, for instance because the disk is full: no fault of that run's settings."""


def failed_row(folder: Path) -> dict[str, Any] | None:
    """The row of the run in a folder that failed; None where it did not, or was tried again and finished.

    Raises:
        UserError: If the file is broken.
    """
    path = folder / FAILED
    if not path.is_file() or (folder / "result.json").is_file():
        return None
    try:
        row: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        if row["status"] != "failed" or not isinstance(row["error"], str) or not isinstance(row["seed"], int):
            raise ValueError("it is no row of a failed run")
    except FileNotFoundError:  # tried again meanwhile
        return None
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
        raise UserError(f"{path} cannot be used ({error}); delete that file to run the cell again") from error
    return row


def write_failed(folder: Path, config: Mapping[str, Any], error: BaseException | str) -> dict[str, Any]:
    """Write the row of a failed run, and beside it what led to the error.

    Args:
        folder: Of the run, which this process has claimed.
        config: Its settings, resolved.
        error: What ended it, or a sentence about that.

    Returns:
        The row: what the run was, `status` "failed", and the `error`.

    Raises:
        UserError: If it cannot be written.
    """
    choices = config["choices"]
    row = {
        "run_id": run_id(config),
        "seed": config["seed"],
        "status": "failed",
        "error": describe_error(error),
        "dataset": choices["dataset"],
        "content": (config["dataset"].get("content") or "")[:12],
        "backbone": choices["backbone"],
        "graph": choices["graph"],
        "version": __version__,
        "backbone_recall@1": None,
        "settings": counted_settings(config),
    }
    if isinstance(error, BaseException):
        write_text(folder / TRACEBACK, "".join(traceback.format_exception(error)), inside=folder)
    write_text(folder / FAILED, json.dumps(row, indent=2) + "\n", inside=folder)
    return row


def forget_failed(folder: Path) -> None:
    """Remove what says that a run failed: it is to be tried again, or has been and has finished."""
    (folder / FAILED).unlink(missing_ok=True)
    (folder / TRACEBACK).unlink(missing_ok=True)


def describe_error(error: BaseException | str) -> str:
    """An error on one line, never long: a sentence for the user as it is, any other with its kind."""
    said = " ".join(str(error).split())
    if isinstance(error, BaseException) and not isinstance(error, UserError):
        said = f"{type(error).__name__}: {said}" if said else type(error).__name__
    return said if len(said) <= _LONGEST else f"{said[: _LONGEST - 3]}..."
