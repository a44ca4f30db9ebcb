"""The test figures of runs by class, and how far a figure would move with other test classes.

Legend: C test classes.
"""

from __future__ import annotations

import csv
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

from gnn_dml.results.statistics import clustered_intervals

Name = TypeVar("Name", bound=Hashable)

FILE = "classes.csv"
"""In the folder of a run: `class`, `queries`, and a column per figure, the mean of the class's queries."""

FolderOf = Callable[[str], "Path | None"]
"""The folder of a run by its run_id."""


@dataclass(frozen=True)
class ClassFigures:
    """All figures of one run.

    Attributes:
        classes: Names, in the order of the file.
        queries: (C,), above 0. A figure of the run is the mean over classes weighted by them.
        figures: By column, (C,), NaN where it was not measured.
    """

    classes: tuple[str, ...]
    queries: NDArray[np.float64]
    figures: Mapping[str, NDArray[np.float64]]


class ClassMeans(NamedTuple):
    """One figure over several runs, or the difference of one between two cells: names, queries (C,), values (C,)."""

    classes: tuple[str, ...]
    queries: NDArray[np.float64]
    values: NDArray[np.float64]


def read_classes(folder: Path) -> ClassFigures | None:
    """The figures by class of a run; None where there is no such file, or it cannot be understood.

    Args:
        folder: Of the run.
    """
    try:
        with (folder / FILE).open(encoding="utf-8", newline="") as file:
            head, *rows = csv.reader(file)
        columns = dict(zip(head, zip(*rows, strict=True), strict=True))
        numbers = {
            name: np.array([float(value) if value else np.nan for value in values])
            for name, values in columns.items()
            if name != "class"
        }
        queries = numbers.pop("queries")
        classes = columns["class"]
    except (OSError, ValueError, KeyError, csv.Error):
        return None
    if len(set(classes)) < len(classes) or not (np.isfinite(queries).all() and (queries > 0).all()):
        return None
    return ClassFigures(tuple(classes), queries, numbers)


class ClassReader:
    """Reads the files of runs, each once."""

    def __init__(self, folder_of: FolderOf) -> None:
        self._read = cache(lambda run_id: None if (at := folder_of(run_id)) is None else read_classes(at))

    def means(self, run_ids: Sequence[str], metric: str) -> ClassMeans | None:
        """The mean over runs of each class's figure.

        Args:
            run_ids: At least one.
            metric: Name of a column of results.

        Returns:
            None where a run has no such file, no such figure in it, or other classes than the others.
        """
        runs = [self._read(run_id) for run_id in run_ids]
        held = [run for run in runs if run is not None and metric in run.figures]
        if not held or len(held) < len(runs) or not all(_same_classes(held[0], run) for run in held[1:]):
            return None
        values = np.mean([run.figures[metric] for run in held], axis=0)
        return ClassMeans(held[0].classes, held[0].queries, values) if np.isfinite(values).all() else None

    def difference(self, cell: Sequence[str], reference: Sequence[str], metric: str) -> ClassMeans | None:
        """The same of the differences between the runs of two cells, class by class."""
        one, other = self.means(cell, metric), self.means(reference, metric)
        if one is None or other is None or not _same_classes(one, other):
            return None
        return one._replace(values=one.values - other.values)

    def lacks(self, run_id: str) -> bool:
        """Whether a run has no such file that can be understood."""
        return self._read(run_id) is None


def class_intervals(means: Mapping[Name, ClassMeans]) -> dict[Name, tuple[float, float]]:
    """The 95 % interval of each figure over draws of the test classes, those of the same classes at once."""
    alike: dict[tuple[tuple[str, ...], bytes], list[Name]] = {}
    for name, one in means.items():
        alike.setdefault((one.classes, one.queries.tobytes()), []).append(name)
    found: dict[Name, tuple[float, float]] = {}
    for names in alike.values():
        low, high = clustered_intervals([means[name].values for name in names], means[names[0]].queries)
        found |= {name: (float(low[i]), float(high[i])) for i, name in enumerate(names)}
    return found


def _same_classes(one: ClassFigures | ClassMeans, other: ClassFigures | ClassMeans) -> bool:
    return one.classes == other.classes and bool(np.array_equal(one.queries, other.queries))
