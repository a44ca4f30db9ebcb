"""What `gnn-dml ablate` would do: everything is checked, nothing is written, and the time is told where it is known."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from gnn_dml.experiments.api import try_to_build
from gnn_dml.experiments.status import expected_seconds
from gnn_dml.experiments.study import Study
from gnn_dml.experiments.study_queue import ended_row, open_queue


@dataclass(frozen=True)
class Forecast:
    """A study before it is run.

    Attributes:
        study: What it is.
        folder: Of the study.
        cells: That are asked for.
        seeds: Of each.
        runs: Of them in all.
        done: How many have ended already.
        failed: How many of these have failed.
        to_run: How many would be run.
        seconds: What those would take one after the other, by runs of this study that are done; None where none is.
    """

    study: Study
    folder: Path
    cells: tuple[str, ...]
    seeds: tuple[int, ...]
    runs: int
    done: int
    failed: int
    to_run: int
    seconds: float | None


def forecast_study(
    study: str | Study,
    *,
    seeds: Sequence[int] | None = None,
    settings: Sequence[str] = (),
    config_dirs: Sequence[str | Path] = (),
    only: Sequence[str] = (),
    retry_failed: bool = False,
    on_plan: Callable[[int, int], object] = lambda number, total: None,
    say: Callable[[str], object] = lambda sentence: None,
) -> Forecast:
    """Check a study as `gnn_dml.experiments.run_study` does before its first run, and count.

    Args:
        study: As for `run_study`, and so are the others.
        seeds: In the place of the study's own.
        settings: For every cell.
        config_dirs: Folders with YAMLs and classes of the user's own.
        only: Cells to run.
        retry_failed: Whether runs that have failed would be tried again.
        on_plan: Called while the runs are planned.
        say: Called with a sentence for each run whose result cannot be read.

    Raises:
        UserError: If a setting of any cell is wrong.
    """
    queue = open_queue(
        study, seeds=seeds, settings=settings, config_dirs=config_dirs, only=only, on_plan=on_plan, say=say
    )
    try_to_build(queue.configs, study=queue.study.name)
    rows = [(config["cell"], ended_row(config)) for config in queue.configs]
    ended = [(cell, row) for cell, row in rows if row is not None]
    failed = sum(row["status"] == "failed" for _, row in ended)
    left = [cell for cell, row in rows if row is None or (retry_failed and row["status"] == "failed")]
    known = [(cell, float(row["seconds"])) for cell, row in ended if row.get("seconds") is not None]
    return Forecast(
        study=queue.study,
        folder=queue.folder,
        cells=tuple(dict.fromkeys(cell for cell, _ in rows)),
        seeds=tuple(dict.fromkeys(int(config["seed"]) for config in queue.configs)),
        runs=len(rows),
        done=len(ended),
        failed=failed,
        to_run=len(left),
        seconds=expected_seconds(known, left),
    )
