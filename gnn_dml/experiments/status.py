"""How a study stands, read off its folder by anybody: what is done, running and left, the time left, the best so far.

Loads no torch. A study that runs elsewhere is looked at in the same way as one on this machine.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import fmean
from typing import Any

from gnn_dml.errors import UserError
from gnn_dml.experiments.failed import failed_row
from gnn_dml.experiments.finished import finished_row
from gnn_dml.experiments.study_files import read_plan, read_study_file
from gnn_dml.experiments.watch import owner

METRIC = "backbone_recall@1"
"""What "best so far" means where a study names no metric."""


@dataclass(frozen=True)
class RunStatus:
    """One run.

    Attributes:
        run_id: Name of its folder.
        cell: Of the study.
        seed: Of the run.
        state: "finished", "diverged", "failed", "running" or "left".
        epochs: It has in all.
        epoch: The last one that is finished.
        seconds: It took; None before its end.
        figure: Of the metric that is looked at; None where it has none.
        error: Of a failed run.
        by: Which process on which host is at work on it.
    """

    run_id: str
    cell: str
    seed: int
    state: str
    epochs: int
    epoch: int = 0
    seconds: float | None = None
    figure: float | None = None
    error: str = ""
    by: str = ""


@dataclass(frozen=True)
class StudyStatus:
    """A study.

    Attributes:
        name: Of the study.
        question: That it asks.
        metric: The column that "best" is about.
        runs: All of them, in their order.
    """

    name: str
    question: str
    metric: str
    runs: tuple[RunStatus, ...]

    def of(self, *states: str) -> list[RunStatus]:
        """The runs in some states."""
        return [run for run in self.runs if run.state in states]

    @property
    def ended(self) -> list[RunStatus]:
        """The runs that will not be run again."""
        return self.of("finished", "diverged", "failed")

    @property
    def best(self) -> tuple[str, float, int] | None:
        """The cell with the highest mean so far, that mean, and over how many seeds; None before the first run."""
        figures: dict[str, list[float]] = {}
        for run in self.of("finished"):
            if run.figure is not None:
                figures.setdefault(run.cell, []).append(run.figure)
        means = [(fmean(held), cell, len(held)) for cell, held in figures.items()]
        if not means:
            return None
        mean, cell, seeds = max(means, key=lambda one: one[0])
        return cell, mean, seeds

    @property
    def seconds_left(self) -> float | None:
        """What the runs that are left will take, by those of the same cell that are done; None before the first.

        It is shared among the processes at work, or one where there are none.
        """
        known = [(run.cell, run.seconds) for run in self.of("finished", "diverged") if run.seconds is not None]
        work = expected_seconds(known, [run.cell for run in self.of("left", "running")])
        if work is None:
            return None
        done = sum(
            (expected_seconds(known, [run.cell]) or 0.0) * min(1.0, run.epoch / run.epochs)
            for run in self.of("running")
            if run.epochs
        )
        return max(0.0, work - done) / max(1, len(self.of("running")))


def expected_seconds(known: Sequence[tuple[str, float]], cells: Sequence[str]) -> float | None:
    """The seconds that runs of some cells will take together; None where no run is known.

    Args:
        known: Cell and seconds of runs that are done.
        cells: Of each run that is left; a cell of which none is known counts as the mean of all.
    """
    if not known:
        return None
    by_cell: dict[str, list[float]] = {}
    for cell, seconds in known:
        by_cell.setdefault(cell, []).append(seconds)
    overall = fmean(seconds for _, seconds in known)
    return sum(fmean(by_cell[cell]) if cell in by_cell else overall for cell in cells)


class StatusReader:
    """Reads how a study stands, again and again; what cannot change any more is read once.

    Args:
        folder: Of the study.

    Raises:
        UserError: If no study was started there, or it is one of another version.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        said = read_study_file(folder)
        planned = read_plan(folder)
        if not planned:
            raise UserError(f"no study was started in {folder}; `gnn-dml ablate` does, and out=FOLDER says where")
        self.name = str(said.get("name", folder.name))
        self.question = str(said.get("question", ""))
        metrics = said.get("metrics")
        self.metric = str(metrics[0]) if isinstance(metrics, list) and metrics else METRIC
        self._runs = [RunStatus(state="left", **_known(run)) for run in planned]
        self._ended: dict[str, RunStatus] = {}

    def read(self) -> StudyStatus:
        """How it stands now."""
        return StudyStatus(self.name, self.question, self.metric, tuple(self._look(run) for run in self._runs))

    def _look(self, run: RunStatus) -> RunStatus:
        if run.run_id in self._ended:
            return self._ended[run.run_id]
        folder = self.folder / run.run_id
        if not folder.is_dir():
            return run
        try:
            row = finished_row(folder)
            failed = None if row is not None else failed_row(folder)
            said = None if row is not None else owner(folder)
        except UserError as error:
            return replace(run, state="failed", error=str(error))
        if row is not None:
            figure = row.get(self.metric)
            figure = figure if isinstance(figure, (int, float)) else None
            ended = replace(run, state=row["status"], epoch=run.epochs, seconds=row.get("seconds"), figure=figure)
            self._ended[run.run_id] = ended
            return ended
        if said is not None:
            by = f"process {said.get('pid', '?')} on {said.get('host', '?')}"
            return replace(run, state="running", epoch=_epochs_done(folder), by=by)
        if failed is not None:
            return replace(run, state="failed", error=failed["error"])
        return replace(run, epoch=_epochs_done(folder))


def _known(run: dict[str, Any]) -> dict[str, Any]:
    return {name: run[name] for name in ("run_id", "cell", "seed", "epochs")}


def _epochs_done(folder: Path) -> int:
    """Rows of metrics.csv, which is written whole after every epoch."""
    try:
        return max(0, (folder / "metrics.csv").read_bytes().count(b"\n") - 1)
    except OSError:
        return 0


def study_folder(name: str, out: str = "runs") -> Path:
    """The folder of a study by its name, by the path of its YAML, or by its own path.

    Args:
        name: As typed.
        out: The folder that holds those of the studies.
    """
    from gnn_dml.text import typed_path

    path = typed_path(name)
    if path.is_dir():
        return path
    return typed_path(out) / (path.stem if path.suffix in (".yaml", ".yml") else name)
