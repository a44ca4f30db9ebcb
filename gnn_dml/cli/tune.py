"""`gnn-dml tune`: a search for the settings of a study's cells."""

from __future__ import annotations

import argparse
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any

from gnn_dml.cli import interrupt
from gnn_dml.cli.progress import OFTEN, TrainingBar, say
from gnn_dml.cli.train import row_name
from gnn_dml.experiments.tune import tune
from gnn_dml.text import show_name

if TYPE_CHECKING:
    from gnn_dml.experiments.run import OnStart


def run(arguments: argparse.Namespace) -> int:
    """Search, and print what each cell chose."""
    with _Progress() as progress:
        frame = tune(
            arguments.study,
            trials=arguments.trials,
            space=arguments.space,
            seeds=arguments.seeds,
            settings=arguments.overrides,
            config_dirs=arguments.config_dir,
            on_run=progress.on_run,
            on_trial=lambda cell, trial, value, best: progress.on_trial(cell, trial, value, best, arguments.trials),
            say=say,
        )
    print("\nchosen on validation classes:")
    for row in frame[frame["best"]].to_dict("records"):
        known = {name: value for name, value in row.items() if name not in ("cell", "trial", "value", "best")}
        settings = " ".join(f"{name}={value}" for name, value in known.items())
        print(f"  {show_name(row['cell'])}: {settings} (trial {row['trial'] + 1}, {row['value']:.4f})")
    print(f"\ntrials   {Path(frame.attrs['folder']) / 'trials.csv'}\nchoices  {frame.attrs['tuned']}")
    print(f"next     gnn-dml ablate {show_name(arguments.study)} --tuned")
    return 0


class _Progress:
    """A bar for the run at work, a line for each trial that is done."""

    def __init__(self) -> None:
        self.bar: TrainingBar | None = None

    def on_run(self, config: dict[str, Any], number: int, total: int) -> OnStart:
        interrupt.check()
        self._close()
        self.bar = TrainingBar(f"[trial {number}/{total}] {row_name(config)}", every=OFTEN)
        return self.bar.start

    def on_trial(self, cell: str, trial: int, value: float, best: float, trials: int) -> None:
        interrupt.check()
        self._close()
        print(f"[trial {trial + 1}/{trials}] {show_name(cell)}: {value:.4f}, best {best:.4f}", flush=True)

    def _close(self) -> None:
        if self.bar is not None:
            self.bar.__exit__(None, None, None)
        self.bar = None

    def __enter__(self) -> _Progress:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._close()
