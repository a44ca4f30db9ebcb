"""What a reader has found on the disk: how it lies there, and what was left."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

EXAMPLES = 3
"""Names that are kept of what was passed over for one reason."""


class PassedOver(Mapping[str, int]):
    """How many files or folders were passed over, by reason, with the first names of each.

    Call `add` for every one of them.
    """

    def __init__(self) -> None:
        self._counts: dict[str, int] = {}
        self._names: dict[str, list[str]] = {}

    def add(self, name: str, reason: str) -> None:
        """Count `name`, relative to the root of the data set."""
        self._counts[reason] = self._counts.get(reason, 0) + 1
        names = self._names.setdefault(reason, [])
        if len(names) < EXAMPLES:
            names.append(name)

    def examples(self, reason: str) -> tuple[str, ...]:
        """The first names."""
        return tuple(self._names.get(reason, ()))

    def __getitem__(self, reason: str) -> int:
        return self._counts[reason]

    def __iter__(self) -> Iterator[str]:
        return iter(self._counts)

    def __len__(self) -> int:
        return len(self._counts)


@dataclass(frozen=True)
class Found:
    """What a reader has found.

    Attributes:
        layout: In a few words, how the images were taken to lie; empty where there is nothing to guess.
        passed_over: What was left out.
        notes: Sentences about what a reader did not use, such as columns of a table that it does not know.
    """

    layout: str = ""
    passed_over: PassedOver = field(default_factory=PassedOver)
    notes: tuple[str, ...] = ()

    def describe(self) -> str:
        """On one line; empty where there is nothing to say."""
        counts = ", ".join(f"{count:,} ({reason})" for reason, count in self.passed_over.items())
        parts = [self.layout, f"passed over: {counts}" if counts else "", *self.notes]
        return "; ".join(part for part in parts if part)
