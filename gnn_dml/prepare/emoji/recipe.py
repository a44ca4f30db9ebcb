"""What goes into a data file: the sets, how often an emoji has to be drawn, how many classes a side gets."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from gnn_dml.prepare.emoji.sources import ICON_SETS, UNICODE_NAMES, Source

SHARES = {"train": 0.60, "val": 0.15, "test": 0.25}


@dataclass(frozen=True)
class Recipe:
    """How to make one data file.

    Attributes:
        sources: The icon sets.
        names: The package that lists names, groups and subgroups.
        min_drawings: An emoji is a class from this many drawings on, counted in the embedded sets only.
        wanted: Classes of every side; None takes all classes, in the proportions of `SHARES`.
        agree_with: Keep every subgroup on the side that this recipe puts it on.
    """

    sources: tuple[Source, ...]
    min_drawings: int
    wanted: Mapping[str, int] | None = None
    agree_with: Recipe | None = None
    names: Source = UNICODE_NAMES


EMBEDDED = Recipe(
    sources=tuple(source for source in ICON_SETS if source.embedded),
    min_drawings=7,
    wanted={"train": 360, "val": 90, "test": 150},
)
FULL = Recipe(sources=ICON_SETS, min_drawings=4, agree_with=EMBEDDED)
