"""`gnn-dml ablate`: cells x seeds from a YAML file, then one table, one plot and what they cannot support."""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from textwrap import fill
from types import TracebackType
from typing import TYPE_CHECKING, Any

from tqdm import tqdm

from gnn_dml.cli import interrupt
from gnn_dml.cli.overview import Overview
from gnn_dml.cli.progress import OFTEN, TrainingBar, duration, say
from gnn_dml.cli.train import row_name, say_unwritten
from gnn_dml.config.names import open_config_dirs
from gnn_dml.errors import UserError
from gnn_dml.experiments.api import run_study
from gnn_dml.experiments.execute import summary
from gnn_dml.experiments.forecast import forecast_study
from gnn_dml.experiments.status import StatusReader, StudyStatus
from gnn_dml.experiments.study import Study, read_study
from gnn_dml.experiments.tune import tuned_study
from gnn_dml.text import show_name

if TYPE_CHECKING:
    from gnn_dml.experiments.run import OnStart

LONG_PLAN = 50
"""Runs from which on their plan has a bar."""

PLOTS = {"recall.png": "backbone_recall@1", "map.png": "backbone_map@r"}


def run(arguments: argparse.Namespace) -> int:
    """Run a study and report it, or say what would be run."""
    if arguments.dry_run:
        return dry_run(arguments)
    return report(
        _study(arguments),
        arguments.seeds,
        arguments.overrides,
        arguments.config_dir,
        only=arguments.only,
        retry_failed=arguments.retry_failed,
        jobs=arguments.jobs,
        launcher=arguments.launcher,
        launch=read_launch(arguments.launch),
    )


def _study(arguments: argparse.Namespace) -> Study:
    """As it is written, or with what a search chose."""
    if arguments.tuned:
        return tuned_study(arguments.study, settings=arguments.overrides, config_dirs=arguments.config_dir)
    return read_study(arguments.study, open_config_dirs(arguments.config_dir))


def dry_run(arguments: argparse.Namespace) -> int:
    """Check a study and say how much there is to do."""
    with StudyProgress() as progress:
        found = forecast_study(
            _study(arguments),
            seeds=arguments.seeds,
            settings=arguments.overrides,
            config_dirs=arguments.config_dir,
            only=arguments.only,
            retry_failed=arguments.retry_failed,
            on_plan=progress.on_plan,
            say=say,
        )
    if found.study.question:
        print(show_name(found.study.question))
    failed = f", {found.failed} of them failed" if found.failed else ""
    print(
        f"{found.study.name}: {len(found.cells)} cells x {len(found.seeds)} seeds = {found.runs} runs in "
        f"{found.folder}; {found.done} done{failed}, {found.to_run} to run"
    )
    for cell in found.cells:
        print(f"  {show_name(cell)}: {show_name(' '.join(found.study.cells[cell])) or 'the defaults'}")
    if found.to_run and found.seconds is None:
        print("time: not known before the first run is done; then by what runs of the same cell took")
    elif found.to_run and found.seconds is not None:
        shared = f", about {duration(found.seconds / arguments.jobs)} by {arguments.jobs}" if arguments.jobs > 1 else ""
        print(f"time: about {duration(found.seconds)} by one process, as runs of this study took{shared}")
    print("all cells can be built; nothing was run")
    return 0


def read_launch(typed: Sequence[str]) -> dict[str, Any]:
    """What a launcher is told, KEY=VALUE as typed; numbers, truth values and JSON as such.

    Raises:
        UserError: If one is no KEY=VALUE.
    """
    found: dict[str, Any] = {}
    for text in typed:
        key, mark, value = text.partition("=")
        if not mark or not key.isidentifier():
            raise UserError(f"--launch {text} must be KEY=VALUE, for instance --launch gpus_per_node=1")
        try:
            found[key] = json.loads(value)
        except ValueError:
            found[key] = value
    return found


class StudyProgress:
    """A bar for the run at work, a line for each that is done, and now and then how the study stands."""

    def __init__(self) -> None:
        self.bar: TrainingBar | None = None
        self.planning: tqdm[Any] | None = None
        self.overview = Overview()
        self.folder: Path | None = None
        self.done = 0
        self.failed: list[str] = []

    def on_plan(self, number: int, total: int) -> None:
        """Move the bar of the plan; a short plan has none."""
        interrupt.check()
        if self.planning is None and total >= LONG_PLAN:
            self.planning = tqdm(total=total, desc="checking the runs", unit="run", leave=False, disable=None)
        if self.planning is not None:
            self.planning.update()

    def on_run(self, config: dict[str, Any], number: int, total: int) -> OnStart:
        """Open the bar of a run."""
        interrupt.check()
        self._close()
        self.folder = Path(config["out"]) / config["study_name"]
        self.bar = TrainingBar(f"[{number}/{total}] {row_name(config)}", every=OFTEN)
        return self.bar.start

    def on_epoch(self, row: dict[str, Any]) -> None:
        """Say where a long run is."""
        if self.bar is not None:
            self.bar.epoch(row)

    def on_row(self, row: dict[str, Any], number: int, total: int, reused: bool) -> None:
        """Close it and say what came out."""
        interrupt.check()
        self._close()
        self.overview.close()
        self.done += 1
        if row["status"] == "failed":
            self.failed.append(f"{row['cell']}, seed {row['seed']}: {row['error']}")
        print(f"[{number}/{total}] {summary(row)}{', reused' if reused else ''}", flush=True)
        if self.folder is not None and total > number:
            self.overview.say(StatusReader(self.folder))

    def on_status(self, status: StudyStatus) -> None:
        """Show how a study stands that others run."""
        self._close()
        self.overview.show(status)

    def on_failed(self, config: dict[str, Any], error: Exception) -> None:
        """Ctrl-C may come as an error of a library."""
        interrupt.check()

    def _close(self) -> None:
        """Take the bars of a plan and of a run away."""
        if self.bar is not None:
            self.bar.__exit__(None, None, None)
        if self.planning is not None:
            self.planning.close()
        self.bar, self.planning = None, None

    def __enter__(self) -> StudyProgress:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._close()
        self.overview.close()


def report(
    study: str | Study,
    seeds: Sequence[int] | None,
    overrides: Sequence[str],
    config_dirs: Sequence[str | Path],
    **how: Any,
) -> int:
    """Run a study; print the table of its rows, draw the plot, and say what cannot be concluded; the exit code."""
    study = read_study(study, open_config_dirs(config_dirs)) if isinstance(study, str) else study
    start = time.perf_counter()
    with StudyProgress() as progress:
        frame = run_study(
            study,
            seeds=seeds,
            settings=overrides,
            config_dirs=config_dirs,
            on_run=progress.on_run,
            on_row=progress.on_row,
            on_epoch=progress.on_epoch,
            on_plan=progress.on_plan,
            on_status=progress.on_status,
            on_failed=progress.on_failed,
            say=say,
            **how,
        )
    print(f"\n{progress.done} runs in {time.perf_counter() - start:.0f} s\n")
    from gnn_dml.results import cautions, plot_recall, table, write_report

    if frame["status"].eq("failed").all():
        print(f"no run has a figure; the rows are in {Path(frame.attrs['folder']) / 'results.csv'}")
        return say_failed(progress.failed) or say_unwritten(frame.attrs["unwritten"]) or 2
    print(table(frame))
    print()
    for sentence in cautions(frame, seed_spread=study.seed_spread):
        print(fill(f"* {sentence}", 110, subsequent_indent="  "))
    folder = Path(frame.attrs["folder"])
    found = write_report(folder, frame)
    if found.text:
        print(found.text)
    unwritten, drawn = [*frame.attrs["unwritten"], *found.unwritten], []
    for file, metric in PLOTS.items():
        try:
            drawn.append(str(plot_recall(frame, folder / file, metric=metric)))
        except UserError as error:
            unwritten.append(str(error))
    print(f"\nrows     {folder / 'results.csv'}\nplots    {', '.join(drawn) or 'none'}")
    print(f"compared {folder}/cells.csv, differences.csv and dots-*.png")
    if any(folder.glob("*/neighbours.png")):
        print(f"pictures {folder}/*/neighbours.png (queries with their nearest neighbours)")
    return say_failed(progress.failed) or say_unwritten(unwritten)


def say_failed(runs: Sequence[str]) -> int:
    """Say which runs ended in an error; the exit code."""
    for run in runs:
        print(f"failed: {run}", file=sys.stderr)
    if runs:
        print("the same command with --retry-failed tries them again", file=sys.stderr)
    return 2 if runs else 0
