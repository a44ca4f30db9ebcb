"""How a study stands, in words: a line for logs and bars, a page for `gnn-dml status`."""

from __future__ import annotations

import time
from typing import Any

from tqdm import tqdm

from gnn_dml.cli import interrupt
from gnn_dml.cli.progress import duration, say
from gnn_dml.experiments.execute import percent
from gnn_dml.experiments.status import RunStatus, StatusReader, StudyStatus
from gnn_dml.text import show_name

OFTEN = 60.0
"""Seconds between two lines where no terminal is."""

SHOWN = 4
"""Runs at work that a line names."""


def overview(status: StudyStatus) -> str:
    """One line: done, running with their epochs, left, for how long, and the best so far."""
    ended, running = len(status.ended), status.of("running")
    parts = [f"{ended} of {len(status.runs)} runs done{_bad(status)}"]
    if running:
        named = ", ".join(name_run(run) for run in running[:SHOWN])
        parts.append(f"{len(running)} running ({named}{', ...' if len(running) > SHOWN else ''})")
    left = len(status.of("left"))
    parts.append(f"{left} left{_time(status)}")
    if status.best is not None:
        cell, mean, seeds = status.best
        parts.append(f"best so far {show_name(cell)} {percent(mean)} ({status.metric}, {_count(seeds, 'seed')})")
    return "; ".join(parts)


def page(status: StudyStatus) -> str:
    """The line, then every run at work, every failed one, and a line for each cell."""
    lines = [f"{show_name(status.name)}{': ' if status.question else ''}{show_name(status.question)}"]
    lines += [f"{overview(status)}", ""]
    for run in status.of("running"):
        lines.append(f"running   {name_run(run)}, {show_name(run.by)}")
    for run in status.of("failed"):
        lines.append(f"failed    {show_name(run.cell)} seed {run.seed}: {show_name(run.error)}")
    width = max(len(show_name(run.cell)) for run in status.runs)
    for cell in dict.fromkeys(run.cell for run in status.runs):
        runs = [run for run in status.runs if run.cell == cell]
        figures = [run.figure for run in runs if run.figure is not None]
        mean = f"  {percent(sum(figures) / len(figures))}" if figures else ""
        done = sum(run.state in ("finished", "diverged") for run in runs)
        lines.append(f"{show_name(cell):<{width}}  {done} of {len(runs)}{mean}")
    return "\n".join(lines)


def name_run(run: RunStatus) -> str:
    """A run with its epochs."""
    epochs = f" epoch {run.epoch}/{run.epochs}" if run.epochs else ""
    return f"{show_name(run.cell)} seed {run.seed}{epochs}"


def _bad(status: StudyStatus) -> str:
    """How many of those that ended have no figures."""
    counts = {state: len(status.of(state)) for state in ("failed", "diverged")}
    said = [f"{number} {state}" for state, number in counts.items() if number]
    return f" ({', '.join(said)})" if said else ""


def _time(status: StudyStatus) -> str:
    seconds = status.seconds_left
    return f", about {duration(seconds)}" if seconds is not None and seconds >= 1 else ""


def _count(number: int, thing: str) -> str:
    return f"{number} {thing}{'s' * (number != 1)}"


class Overview:
    """Shows how a study stands: a bar on a terminal, a line now and then anywhere else.

    Args:
        every: Seconds between two lines.
    """

    def __init__(self, every: float = OFTEN) -> None:
        self.every = every
        self.bar: tqdm[Any] | None = None
        self.said_at = time.monotonic()

    def show(self, status: StudyStatus) -> None:
        """Show it."""
        interrupt.check()
        if self.bar is None:
            form = "{bar:12} {desc} [{elapsed}]"
            self.bar = tqdm(total=len(status.runs), bar_format=form, leave=False, dynamic_ncols=True, disable=None)
        text = overview(status)
        if not self.bar.disable:
            self.bar.n = len(status.ended)
            self.bar.set_description_str(text)
        elif self._is_time():
            say(text)

    def say(self, reader: StatusReader) -> None:
        """A line now and then, beside bars of other things."""
        if self._is_time():
            say(overview(reader.read()))

    def _is_time(self) -> bool:
        """Whether the last line was long ago."""
        now = time.monotonic()
        if now - self.said_at < self.every:
            return False
        self.said_at = now
        return True

    def close(self) -> None:
        """Take the bar away."""
        if self.bar is not None:
            self.bar.close()
        self.bar = None
