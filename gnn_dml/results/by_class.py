"""The test figures of runs by class, and how far a figure would move with other test classes.

Legend: C test classes.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple, TypeVar

import numpy as np
import pyarrow
from numpy.typing import NDArray
from pyarrow import csv as arrow_csv

from gnn_dml.results.statistics import clustered_intervals

Name = TypeVar("Name", bound=Hashable)

FILE = "classes.csv"
"""In the folder of a run: `class`, `queries`, and a column per figure, the mean of the class's queries."""

FolderOf = Callable[[str], "Path | None"]
"""The folder of a run by its run_id."""


@dataclass(frozen=True)
class ClassFigures:
    """The figures of one run.

    Attributes:
        classes: Names, in the order of the file.
        queries: (C,), above 0. A figure of the run is the mean over classes weighted by them.
        figures: By column, (C,), NaN where it was not measured or is not there.
    """

    classes: tuple[str, ...]
    queries: NDArray[np.float64]
    figures: Mapping[str, NDArray[np.float64]]


class ClassMeans(NamedTuple):
    """One figure over several runs, or the difference of one between two cells: names, queries (C,), values (C,)."""

    classes: tuple[str, ...]
    queries: NDArray[np.float64]
    values: NDArray[np.float64]


def read_classes(folder: Path, metrics: Sequence[str]) -> ClassFigures | None:
    """The figures by class of a run; None where there is no such file, or it cannot be understood.

    Args:
        folder: Of the run.
        metrics: Columns that are wanted.
    """
    try:
        content = pyarrow.py_buffer((folder / FILE).read_bytes())
        held = arrow_csv.read_csv(content, _ONE_THREAD, _LINES_IN_NAMES, _only(tuple(metrics)))
    except (OSError, pyarrow.ArrowException):
        return None
    classes, (queries, *figures) = (
        tuple(held["class"].to_pylist()),
        (held[name].to_numpy() for name in ("queries", *metrics)),
    )
    if not classes or len(set(classes)) < len(classes) or not (np.isfinite(queries).all() and (queries > 0).all()):
        return None
    return ClassFigures(classes, queries, dict(zip(metrics, figures, strict=True)))


_ONE_THREAD = arrow_csv.ReadOptions(use_threads=False)
_LINES_IN_NAMES = arrow_csv.ParseOptions(newlines_in_values=True)


@lru_cache(maxsize=16)
def _only(metrics: tuple[str, ...]) -> arrow_csv.ConvertOptions:
    """Some columns alone, those that are not there empty."""
    numbers = ("queries", *metrics)
    types = {"class": pyarrow.string(), **dict.fromkeys(numbers, pyarrow.float64())}
    return arrow_csv.ConvertOptions(
        include_columns=["class", *numbers], column_types=types, include_missing_columns=True
    )


class ClassReader:
    """Reads the files of runs, each once.

    Args:
        folder_of: Where the runs are.
        metrics: Names of columns of results; others are not kept.
    """

    def __init__(self, folder_of: FolderOf, metrics: Sequence[str]) -> None:
        self._folder_of = folder_of
        self._metrics = tuple(metrics)
        self._tests: dict[tuple[tuple[str, ...], bytes], tuple[tuple[str, ...], NDArray[np.float64]]] = {}
        self._runs: dict[str, ClassFigures | None] = {}
        self._means: dict[tuple[tuple[str, ...], str], ClassMeans | None] = {}

    def _read(self, run_id: str) -> ClassFigures | None:
        """The figures of a run; runs with the same classes hold the same objects for them."""
        if run_id not in self._runs:
            folder = self._folder_of(run_id)
            run = None if folder is None else read_classes(folder, self._metrics)
            if run is not None:
                key = (run.classes, run.queries.tobytes())
                run = ClassFigures(*self._tests.setdefault(key, (run.classes, run.queries)), run.figures)
            self._runs[run_id] = run
        return self._runs[run_id]

    def means(self, run_ids: Sequence[str], metric: str) -> ClassMeans | None:
        """The mean over runs of each class's figure.

        Args:
            run_ids: At least one.
            metric: One of those asked for.

        Returns:
            None where a run has no such file, not this figure of every class in it, or other classes than the others.
        """
        key = (tuple(run_ids), metric)
        if key not in self._means:
            self._means[key] = self._mean(run_ids, metric)
        return self._means[key]

    def _mean(self, run_ids: Sequence[str], metric: str) -> ClassMeans | None:
        runs = [self._read(run_id) for run_id in run_ids]
        held = [run for run in runs if run is not None]
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
    """The 95 % interval of each figure, read by one `ClassReader`, over draws of the test classes, the same at once."""
    alike: dict[int, list[Name]] = {}
    for name, one in means.items():
        alike.setdefault(id(one.queries), []).append(name)
    found: dict[Name, tuple[float, float]] = {}
    for names in alike.values():
        low, high = clustered_intervals([means[name].values for name in names], means[names[0]].queries)
        found |= {name: (float(low[i]), float(high[i])) for i, name in enumerate(names)}
    return found


def _same_classes(one: ClassFigures | ClassMeans, other: ClassFigures | ClassMeans) -> bool:
    """Of what one `ClassReader` read."""
    return one.queries is other.queries
