"""Group the rows of a results frame into cells: the runs that differ in nothing but their seed."""

import math
from collections.abc import Sequence
from functools import cached_property
from typing import Any

import pandas as pd

from gnn_dml.columns import BRANCHES
from gnn_dml.errors import UserError

VERSIONS = ("version", "torch", "versions")
"""Columns in which two runs must agree to be paired; what is not known agrees with everything."""


class FrameColumns:
    """The columns of a frame as plain lists, each read once for all of its cells.

    Args:
        frame: Rows as `collect` returns them.
    """

    def __init__(self, frame: pd.DataFrame) -> None:
        self.frame = frame
        self._texts: dict[str, list[str]] = {}
        self._numbers: dict[str, list[float]] = {}

    @cached_property
    def seeds(self) -> list[Any]:
        """The seed of every row."""
        return list(self.frame["seed"])

    def text(self, name: str) -> list[str]:
        """A text of every row, empty where it is missing."""
        if name not in self._texts:
            self._texts[name] = text(self.frame, name).tolist()
        return self._texts[name]

    def numbers(self, name: str) -> list[float]:
        """A number of every row, NaN where it is missing."""
        if name not in self._numbers:
            missing = [math.nan] * len(self.frame)
            numbers = pd.to_numeric(self.frame[name]) if name in self.frame else None
            self._numbers[name] = missing if numbers is None else numbers.to_numpy(float, na_value=math.nan).tolist()
        return self._numbers[name]


class Cell:
    """One row of a study's table.

    Args:
        name: The cell's name, for example `kNN`.
        setting: What two cells must share to be compared: overrides, dataset, split, and the data by checksum.
        columns: Of the frame.
        places: Of its rows in the frame, one per seed.
    """

    def __init__(
        self, name: str, setting: tuple[str, str, str, str], columns: FrameColumns, places: Sequence[int]
    ) -> None:
        self.name = name
        self.setting = setting
        self._columns = columns
        self._places = list(places)
        self._known: dict[str, dict[int, float]] = {}

    def __len__(self) -> int:
        """How many runs there are."""
        return len(self._places)

    @cached_property
    def runs(self) -> pd.DataFrame:
        """The rows of the frame that belong to it."""
        return self._columns.frame.iloc[self._places]

    def text(self, column: str) -> list[str]:
        """A text of each run, empty where it is missing."""
        held = self._columns.text(column)
        return [held[place] for place in self._places]

    def numbers(self, column: str) -> list[float]:
        """A number of each run, NaN where it is missing."""
        held = self._columns.numbers(column)
        return [held[place] for place in self._places]

    @property
    def overrides(self) -> str:
        """The settings the user added to the whole study, or an empty string."""
        return self.setting[0]

    @cached_property
    def data(self) -> str:
        """What tells its images from others, for people: the name of their folder, and digits of their checksum."""
        root, content = (self.text(name)[0] for name in ("root", "content"))
        same = next((test for test in self.text("test_set") if test), "")
        return " ".join(part for part in (root, content[:6], same[:6]) if part)

    @cached_property
    def diverged(self) -> int:
        """How many of its runs diverged."""
        return self.text("status").count("diverged")

    @property
    def trained(self) -> bool:
        """False for a baseline that never took a training step."""
        return self.diverged > 0 or any(self.text("selected_on"))

    @property
    def selected_on_test(self) -> bool:
        """Whether any of its runs chose its epoch on the test classes."""
        return "test" in self.text("selected_on")

    @property
    def uses_labels(self) -> bool:
        """Whether any of its training graphs was built from labels."""
        return "True" in self.text("uses_labels")

    @cached_property
    def seeds(self) -> list[int]:
        """Of each run."""
        held = self._columns.seeds
        return [int(held[place]) for place in self._places]

    @cached_property
    def versions(self) -> list[tuple[str, ...]]:
        """What each run was computed with: versions of gnn-dml, torch and other packages, empty where not known."""
        return list(zip(*(self.text(name) for name in VERSIONS), strict=True))

    def by_seed(self, metric: str) -> dict[int, float]:
        """The metric of the runs that finished and measured it, in the order of seeds: diverged is missing, not zero.

        Args:
            metric: Name of a column.
        """
        if metric not in self._known:
            rows = zip(self.seeds, self.numbers(metric), self.text("status"), strict=True)
            there = [(seed, value) for seed, value, status in rows if status != "diverged" and value == value]
            self._known[metric] = dict(sorted(there))
        return self._known[metric]

    def values(self, metric: str) -> "pd.Series[float]":
        """The same as a series by seed."""
        known = self.by_seed(metric)
        return pd.Series(list(known.values()), index=list(known), dtype=float)


def text(frame: pd.DataFrame, column: str) -> "pd.Series[str]":
    """A text column with missing values, or a missing column, read as the empty string."""
    if column not in frame:
        return pd.Series("", index=frame.index, dtype=object)
    values = frame[column].tolist()
    known = ["" if value is None or value is pd.NA or value != value else str(value) for value in values]
    return pd.Series(known, index=frame.index, dtype=object)


def cells_of(frame: pd.DataFrame) -> list[Cell]:
    """The cells of a frame, in the frame's order.

    Args:
        frame: Rows as `collect` returns them.

    Returns:
        One `Cell` per combination of cell name, overrides, dataset, split and data: rows of other images are never
        counted together, whatever the names of their cells. Failed runs have measured nothing and stand in none.

    Raises:
        UserError: When two rows of a cell have the same seed: averaging them would count one seed twice.
    """
    columns = FrameColumns(frame)
    places = [place for place, status in enumerate(columns.text("status")) if status != "failed"]
    keys = zip(*(columns.text(name) for name in ("cell", "overrides", "dataset", "split")), strict=True)
    named = list(keys)
    data = _data(columns, places)
    members: dict[tuple[str, str, str, str, str], list[int]] = {}
    for place in places:
        members.setdefault((*named[place], data[place]), []).append(place)
    cells = []
    for (name, *setting), own in members.items():
        overrides, dataset, split, images = setting
        cell = Cell(name, (overrides, dataset, split, images), columns, own)
        if len(set(cell.seeds)) < len(cell):
            twice = next(seed for seed in cell.seeds if cell.seeds.count(seed) > 1)
            ids = zip(cell.seeds, cell.text("run_id"), strict=True)
            names = ", ".join(run_id for seed, run_id in ids if cell.seeds.count(seed) > 1)
            raise UserError(
                f"cell {name!r} has more than one run with seed {twice} ({names}); keep one run per cell and seed"
            )
        cells.append(cell)
    return cells


def _data(columns: FrameColumns, places: Sequence[int]) -> dict[int, str]:
    """The images of rows by checksum: of all of the data, and of the test part.

    Rows of earlier versions have the first alone; they are of the test part that rows of the same data have, where
    that is only one.
    """
    dataset, content, tests = (columns.text(name) for name in ("dataset", "content", "test_set"))
    whole = {place: f"{dataset[place]} {content[place]}" for place in places}
    known: dict[str, set[str]] = {}
    for place, images in whole.items():
        known.setdefault(images, set()).update({tests[place]} - {""})
    found = {}
    for place, images in whole.items():
        only = next(iter(known[images])) if len(known[images]) == 1 else ""
        found[place] = f"{images} {tests[place] or only}"
    return found


def require_metric(frame: pd.DataFrame, metric: str) -> None:
    """Refuse a metric that the frame has no column of numbers for, naming those it has.

    Args:
        frame: Rows as `collect` returns them.
        metric: The name of a column.

    Raises:
        UserError: When the column is missing or does not hold numbers.
    """
    known = [str(name) for name in frame.columns if str(name).startswith(tuple(BRANCHES))]
    if metric not in frame:
        raise UserError(f"no metric {metric!r} in these results; there are {', '.join(known) or 'none'}")
    if not pd.api.types.is_numeric_dtype(frame[metric]) and frame[metric].notna().any():
        raise UserError(f"{metric!r} holds no numbers; metrics are for instance {', '.join(known) or 'none'}")
