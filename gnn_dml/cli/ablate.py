"""`gnn-dml ablate`: cells x seeds from a YAML file, then one table, one plot and what they cannot support."""

from __future__ import annotations

import argparse
import time
from collections.abc import Sequence
from pathlib import Path
from textwrap import fill
from types import TracebackType
from typing import TYPE_CHECKING, Any

from tqdm import tqdm

from gnn_dml.cli import interrupt
from gnn_dml.cli.progress import OFTEN, TrainingBar, say
from gnn_dml.cli.train import row_name, say_unwritten
from gnn_dml.config.names import open_config_dirs
from gnn_dml.errors import UserError
from gnn_dml.experiments.api import run_study
from gnn_dml.experiments.execute import summary
from gnn_dml.experiments.study import read_study

if TYPE_CHECKING:
    from gnn_dml.experiments.run import OnStart

LONG_PLAN = 50
"""Runs from which on their plan has a bar."""

PLOTS = {"recall.png": "backbone_recall@1", "map.png": "backbone_map@r"}


def run(arguments: argparse.Namespace) -> int:
    """Run a study and report it."""
    return report(arguments.study, arguments.seeds, arguments.overrides, arguments.config_dir)


class StudyProgress:
    """A bar for the run at work, a line for each that is done."""

    def __init__(self) -> None:
        self.bar: TrainingBar | None = None
        self.planning: tqdm[Any] | None = None
        self.done = 0

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
        self.done += 1
        print(f"[{number}/{total}] {summary(row)}{', reused' if reused else ''}", flush=True)

    def _close(self) -> None:
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


def report(name: str, seeds: Sequence[int] | None, overrides: Sequence[str], config_dirs: Sequence[str | Path]) -> int:
    """Run a study; print the table of its rows, draw the plot, and say what cannot be concluded; the exit code."""
    study = read_study(name, open_config_dirs(config_dirs))
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
            say=say,
        )
    print(f"\n{progress.done} runs in {time.perf_counter() - start:.0f} s\n")
    from gnn_dml.results import cautions, plot_recall, table, write_report

    print(table(frame))
    print()
    for sentence in cautions(frame, seed_spread=study.seed_spread):
        print(fill(f"* {sentence}", 110, subsequent_indent="  "))
    folder = Path(frame.attrs["folder"])
    found = write_report(folder, frame)
    print(found.text)
    unwritten, drawn = [*frame.attrs["unwritten"], *found.unwritten], []
    for file, metric in PLOTS.items():
        try:
            drawn.append(str(plot_recall(frame, folder / file, metric=metric)))
        except UserError as error:
            unwritten.append(str(error))
    print(f"\nrows     {folder / 'results.csv'}\nplots    {', '.join(drawn) or 'none'}")
    print(f"compared {folder}/cells.csv, differences.csv and dots-*.png")
    print(f"pictures {folder}/*/neighbours.png (queries with their nearest neighbours)")
    return say_unwritten(unwritten)
