"""The progress bar of a training run: loss and time left; silent where nobody watches."""

from __future__ import annotations

from collections.abc import Callable
from types import TracebackType
from typing import Any

from tqdm import tqdm

from gnn_dml.cli import interrupt
from gnn_dml.text import show_name


def say(sentence: str) -> None:
    """Print a sentence above whatever bar is there."""
    tqdm.write(sentence)


class TrainingBar:
    """A bar over all batches of a run; shown on a terminal only.

    Args:
        name: What is being trained.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self.bar: tqdm[Any] | None = None
        self.shown = 0.0

    def start(self, total: int, done: int) -> Callable[[float], None]:
        """Open the bar; what comes back is called with the loss of every batch."""
        self.bar = tqdm(
            total=total,
            initial=done,
            desc=show_name(self.name),
            unit="batch",
            leave=False,
            dynamic_ncols=True,
            disable=None,
        )
        return self._advance

    def _advance(self, loss: float) -> None:
        interrupt.check()
        assert self.bar is not None
        self.shown = loss if self.shown == 0.0 else 0.95 * self.shown + 0.05 * loss
        self.bar.set_postfix(loss=f"{self.shown:.3f}", refresh=False)
        self.bar.update()

    def __enter__(self) -> TrainingBar:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.bar is not None:
            self.bar.close()
