"""Run one resolved configuration, or find it already done."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from gnn_dml.errors import UserError
from gnn_dml.experiments.reuse import find_run

Config = dict[str, Any]


def execute(
    config: Config, on_start: Callable[[int, int], Callable[[float], None]] | None = None
) -> tuple[dict[str, Any], bool]:
    """The row of a run, and whether it was there already.

    Args:
        config: Resolved.
        on_start: For progress bars; see `gnn_dml.experiments.run.OnStart`.

    Raises:
        UserError: If the run's result file cannot be read, or its folder cannot be written.
    """
    # torch is loaded here: every sentence about wrong settings has been said by now.
    from gnn_dml.experiments.run import Run
    from gnn_dml.results import gallery

    folder = find_run(config)
    result = folder / "result.json"
    reused = result.is_file()
    row = {**read_row(result), "run_id": folder.name} if reused else Run(config, on_start=on_start).execute()
    neighbours, picture = folder / "neighbours.npz", folder / "neighbours.png"
    if neighbours.is_file() and not (reused and picture.is_file()):
        gallery(neighbours, picture)
    return row, reused


def read_row(path: Path) -> dict[str, Any]:
    """A result.json.

    Raises:
        UserError: If it is broken.
    """
    try:
        row: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        if not {"run_id", "status", "seed", "backbone_recall@1"} <= row.keys():
            raise ValueError("it is no row of a run")
    except (OSError, ValueError, AttributeError) as error:
        raise UserError(f"{path} cannot be used ({error}); delete that file to run the cell again") from error
    return row


def percent(value: float | None) -> str:
    """A fraction as a percentage with one decimal; a dash where there is none."""
    return "-" if value is None else f"{100 * value:.1f}"


def summary(row: dict[str, Any]) -> str:
    """One line about a finished run."""
    if row["status"] == "diverged":
        return f"{row['cell']}, seed {row['seed']}: diverged"
    refined = row.get("refined_recall@1")
    middle = "" if refined is None else f", refined {percent(refined)}"
    backbone = percent(row["backbone_recall@1"])
    return f"{row['cell']}, seed {row['seed']}: Recall@1 {backbone}{middle} ({row['seconds']:.0f} s)"
