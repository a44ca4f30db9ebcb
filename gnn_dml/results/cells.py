"""Group the rows of a results frame into cells: the runs that differ in nothing but their seed."""

import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt
import pandas as pd

from gnn_dml.columns import BRANCHES
from gnn_dml.errors import UserError

VERSIONS = ("version", "torch", "versions")
"""Columns in which two runs must agree to be paired; what is not known agrees with everything."""


@dataclass(frozen=True)
class Cell:
    """One row of a study's table.

    Attributes:
        name: The cell's name, for example `kNN`.
        setting: What two cells must share to be compared: overrides, dataset, split, and the data by checksum.
        runs: The rows of the frame that belong to it, one per seed.
    """

    name: str
    setting: tuple[str, str, str, str]
    runs: pd.DataFrame

    @property
    def overrides(self) -> str:
        """The settings the user added to the whole study, or an empty string."""
        return self.setting[0]

    @property
    def data(self) -> str:
        """What tells its images from others, for people: the name of their folder, and digits of their checksum."""
        root, content = (text(self.runs, name).iloc[0] for name in ("root", "content"))
        test = text(self.runs, "test_set")
        same = test[test != ""].iloc[0] if (test != "").any() else ""
        return " ".join(part for part in (root, content[:6], same[:6]) if part)

    @property
    def diverged(self) -> int:
        """How many of its runs diverged."""
        return int((text(self.runs, "status") == "diverged").sum())

    @property
    def trained(self) -> bool:
        """False for a baseline that never took a training step."""
        return self.diverged > 0 or bool((text(self.runs, "selected_on") != "").any())

    @property
    def selected_on_test(self) -> bool:
        """Whether any of its runs chose its epoch on the test classes."""
        return bool((text(self.runs, "selected_on") == "test").any())

    @property
    def uses_labels(self) -> bool:
        """Whether any of its training graphs was built from labels."""
        return "uses_labels" in self.runs and bool(self.runs["uses_labels"].eq(True).any())

    @cached_property
    def seeds(self) -> list[int]:
        """Of each run."""
        return [int(seed) for seed in self.runs["seed"]]

    @cached_property
    def versions(self) -> list[tuple[str, ...]]:
        """What each run was computed with: versions of gnn-dml, torch and other packages, empty where not known."""
        return list(zip(*(text(self.runs, name) for name in VERSIONS), strict=True))

    @cached_property
    def _finished(self) -> "npt.NDArray[np.bool_]":
        return text(self.runs, "status").ne("diverged").to_numpy()

    @cached_property
    def _values(self) -> "dict[str, pd.Series[float]]":
        return {}

    def values(self, metric: str) -> "pd.Series[float]":
        """The metric by seed, of the runs that finished and measured it: diverged is missing, not zero."""
        if metric not in self._values:
            self._values[metric] = self._read(metric)
        return self._values[metric]

    def _read(self, metric: str) -> "pd.Series[float]":
        if metric not in self.runs:
            return pd.Series(dtype=float)
        numbers = pd.to_numeric(self.runs[metric]).to_numpy(dtype=float, na_value=math.nan)
        there = np.flatnonzero(self._finished & ~np.isnan(numbers)).tolist()
        kept = sorted(there, key=lambda i: self.seeds[i])
        return pd.Series(numbers[kept], index=[self.seeds[i] for i in kept], dtype=float)


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
    frame = frame[text(frame, "status") != "failed"]
    keys = pd.DataFrame({name: text(frame, name) for name in ("cell", "overrides", "dataset", "split")})
    keys["data"] = _data(frame)
    cells = []
    keys.index = pd.RangeIndex(len(keys))
    for key, members in keys.groupby(list(keys.columns), sort=False):
        runs = frame.iloc[members.index]
        if runs["seed"].nunique() < len(runs):
            twice = runs[runs["seed"].duplicated(keep=False)]
            names = ", ".join(text(twice, "run_id"))
            raise UserError(
                f"cell {key[0]!r} has more than one run with seed {twice['seed'].iloc[0]} ({names}); "
                "keep one run per cell and seed"
            )
        cells.append(Cell(str(key[0]), (str(key[1]), str(key[2]), str(key[3]), str(key[4])), runs))
    return cells


def _data(frame: pd.DataFrame) -> "pd.Series[str]":
    """The images of each row by checksum: of all of the data, and of the test part.

    Rows of earlier versions have the first alone; they are of the test part that rows of the same data have, where
    that is only one.
    """
    whole = text(frame, "dataset") + " " + text(frame, "content")
    tests = text(frame, "test_set")
    known = {data: set(tests[(whole == data) & (tests != "")]) for data in whole.unique()}
    filled = [
        test or (next(iter(known[data])) if len(known[data]) == 1 else "")
        for data, test in zip(whole, tests, strict=True)
    ]
    return whole + " " + pd.Series(filled, index=frame.index, dtype=str)


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
