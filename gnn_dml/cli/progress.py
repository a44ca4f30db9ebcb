"""What is seen of a training run: a bar on a terminal, lines anywhere else, and early on how long it takes."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Mapping
from types import TracebackType
from typing import Any

from tqdm import tqdm

from gnn_dml.cli import interrupt
from gnn_dml.experiments.execute import percent
from gnn_dml.text import show_name

SPEAK_AFTER = 5.0
"""Seconds of batches after which the time that all of them take is told; the first one, which is slow, not counted."""

WORTH_SAYING = 60.0
"""Seconds that are left, from which on it is said."""

LONG = 1200.0
"""Seconds that are left, from which on the quicker way is said too."""

OFTEN = 30.0
"""Seconds between two lines about epochs where a study has a line for each run."""


def say(sentence: str) -> None:
    """Print a sentence above whatever bar is there."""
    tqdm.write(sentence)
    sys.stdout.flush()


def duration(seconds: float) -> str:
    """Seconds as people say them.

    Example:
        >>> [duration(seconds) for seconds in (8.2, 150, 5400, 200000)]
        ['8 s', '2.5 min', '1.5 h', '2.3 days']
    """
    for size, unit in ((86400, "days"), (3600, "h"), (60, "min")):
        if seconds >= 1.5 * size or (unit == "min" and seconds >= 90):
            return f"{seconds / size:.1f} {unit}"
    return f"{seconds:.0f} s"


class TrainingBar:
    """A bar over all batches of a run on a terminal; a line per epoch anywhere else.

    Args:
        name: What is being trained; this and the next two may also be set before `start`.
        plan: Given the number of batches, what is about to happen; said before the first one. None says nothing.
        advice: Said beside a long time that is left; empty says nothing.
        every: Seconds between two lines about epochs, at least.
    """

    def __init__(
        self, name: str = "", *, plan: Callable[[int], str] | None = None, advice: str = "", every: float = 0.0
    ) -> None:
        self.name = name
        self.plan = plan
        self.advice = advice
        self.every = every
        self.bar: tqdm[Any] | None = None
        self.shown = 0.0
        self.total = self.done = self.measured = 0
        self.started = self.said_at = time.monotonic()
        self.told = False

    def start(self, total: int, done: int) -> Callable[[float], None]:
        """Say the plan and open the bar; what comes back is called with the loss of every batch."""
        if self.plan is not None:
            say(self.plan(total))
        self.total, self.done = total, done
        self.bar = tqdm(
            total=total,
            initial=done,
            desc=show_name(self.name),
            unit="batch",
            leave=False,
            dynamic_ncols=True,
            disable=None,
        )
        self.said_at = time.monotonic()
        return self._advance

    def epoch(self, row: Mapping[str, Any]) -> None:
        """A line about an epoch, from its row of metrics.csv; none where the bar is seen."""
        now = time.monotonic()
        if self.bar is None or not self.bar.disable or now - self.said_at < self.every:
            return
        self.said_at = now
        recall = next((value for name, value in row.items() if name.endswith("_backbone_recall@1")), None)
        left = self._left()
        rest = f", about {duration(left)} left" if left >= 1 else ""
        say(
            f"{self.name}, epoch {row['epoch']}: loss {row['loss']:.3f}, validation Recall@1 {percent(recall)} "
            f"({duration(row['seconds'])}){rest}"
        )

    def _advance(self, loss: float) -> None:
        interrupt.check()
        assert self.bar is not None
        self.shown = loss if self.shown == 0.0 else 0.95 * self.shown + 0.05 * loss
        self.bar.set_postfix(loss=f"{self.shown:.3f}", refresh=False)
        self.bar.update()
        self.done += 1
        if self.measured == 0:
            self.started = time.monotonic()
        self.measured += 1
        if not self.told and self.measured > 1 and time.monotonic() - self.started >= SPEAK_AFTER:
            self.told = True
            self._tell()

    def _left(self) -> float:
        """Seconds until the last batch, at the pace so far; validation is part of it once there was one."""
        if self.measured < 2:
            return 0.0
        return (time.monotonic() - self.started) / (self.measured - 1) * (self.total - self.done)

    def _tell(self) -> None:
        left = self._left()
        if left < WORTH_SAYING:
            return
        pace = (time.monotonic() - self.started) / (self.measured - 1)
        say(f"{self.name}: {pace:.2g} s a batch, so about {duration(left)} of training")
        if left >= LONG and self.advice:
            say(self.advice)

    def __enter__(self) -> TrainingBar:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.bar is not None:
            self.bar.close()
