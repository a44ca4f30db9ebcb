"""Run one resolved configuration, or find it already done."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from gnn_dml.experiments.claim import BEAT
from gnn_dml.experiments.run_all import run_all
from gnn_dml.experiments.watch import PATIENCE, OnWait

Config = dict[str, Any]


def execute(
    config: Config,
    on_start: Callable[[int, int], Callable[[float], None]] | None = None,
    *,
    on_epoch: Callable[[dict[str, Any]], object] = lambda row: None,
    on_wait: OnWait | None = None,
    say: Callable[[str], object] = lambda sentence: None,
    on_unwritten: Callable[[str], object] | None = None,
    beat: float = BEAT,
    patience: float = PATIENCE,
) -> tuple[dict[str, Any], bool]:
    """The row of a run, and whether it was there already or has come from another process meanwhile.

    Args:
        config: Resolved.
        on_start: For progress bars; see `gnn_dml.experiments.run.OnStart`.
        on_epoch: For a line per epoch; see `gnn_dml.experiments.run.OnEpoch`.
        on_wait: Called once with a sentence if another process is at work on the run.
        say: Called with a sentence if an interrupted run cannot be gone on with and begins anew.
        on_unwritten: See `gnn_dml.experiments.run_all.run_all`.
        beat: Seconds between two signs of life of this process in the folder of the run.
        patience: Seconds without one after which another process counts as dead.

    Raises:
        UserError: If the run's result file cannot be read, or its folder cannot be written.
        ClaimLostError: If other processes have taken the run over again and again.
    """
    found = run_all(
        [config],
        on_start=on_start,
        on_epoch=on_epoch,
        on_wait=on_wait,
        say=say,
        on_unwritten=on_unwritten,
        beat=beat,
        patience=patience,
    )
    _, row, reused = next(found)
    return row, reused


def percent(value: float | None) -> str:
    """A fraction as a percentage with one decimal; a dash where there is none."""
    return "-" if value is None else f"{100 * value:.1f}"


def summary(row: dict[str, Any]) -> str:
    """One line about a finished run, with what keeps it from saying something about its graph."""
    if row["status"] == "failed":
        return f"{row['cell']}, seed {row['seed']}: failed: {row['error']}"
    if row["status"] == "diverged":
        return f"{row['cell']}, seed {row['seed']}: diverged"
    refined = row.get("refined_recall@1")
    middle = "" if refined is None else f", refined {percent(refined)}"
    backbone = percent(row["backbone_recall@1"])
    note = row.get("graph_note") or ""
    said = f"; {note}" if note else ""
    return f"{row['cell']}, seed {row['seed']}: Recall@1 {backbone}{middle} ({row.get('seconds') or 0:.0f} s){said}"
