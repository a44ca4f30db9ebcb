"""A bootstrap that draws classes anew: how far a figure would move with other test classes.

Legend: M figures of the same C classes, R draws.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from gnn_dml.results.statistics.bootstrap import RESAMPLES, bca_ends

CHUNK = 2**21
"""Classes drawn at a time."""


class Clustered(NamedTuple):
    """Intervals of the M figures, each (M,); NaN where a figure is the same in every draw, or there is one class."""

    low: NDArray[np.float64]
    high: NDArray[np.float64]


def clustered_intervals(values: ArrayLike, weights: ArrayLike, *, resamples: int = RESAMPLES) -> Clustered:
    """95 % intervals (BCa, Efron 1987) of means over classes, by drawing whole classes with replacement.

    Queries of a class are answered alike, so that a class is drawn with all of them. Every figure has the same draws,
    which are the same in each call.

    Args:
        values: (M, C), the figure of every class, or its difference between two cells.
        weights: (C,), above 0: the queries of every class. The figure is the mean weighted by them.
        resamples: R.

    Raises:
        ValueError: If the shapes do not go together, a value is not finite or a weight not above 0.
    """
    x, q = np.atleast_2d(np.asarray(values, dtype=float)), np.asarray(weights, dtype=float)
    if x.ndim != 2 or q.ndim != 1 or x.shape[1] != len(q):
        raise ValueError(f"values (M, C) and weights (C,) do not go together: {x.shape} and {q.shape}")
    if not (np.isfinite(x).all() and np.isfinite(q).all() and (q > 0).all()):
        raise ValueError("values must be finite and weights above 0")
    low, high = np.full(len(x), math.nan), np.full(len(x), math.nan)
    if len(q) < 2:
        return Clustered(low, high)
    drawn = _draw(x * q, q, resamples)
    sums, total = x @ q, q.sum()
    seen, without = sums / total, (sums[:, None] - x * q) / (total - q)
    same = np.isclose(drawn.min(axis=1), drawn.max(axis=1), rtol=1e-12, atol=1e-15)
    low, high = (np.where(same, np.nan, end) for end in bca_ends(seen, drawn, without))
    return Clustered(low, high)


def _draw(weighted: NDArray[np.float64], q: NDArray[np.float64], resamples: int) -> NDArray[np.float64]:
    """The figures (M, R) of R draws."""
    rng, n = np.random.default_rng(0), len(q)
    rows = max(1, CHUNK // n)
    both = np.vstack([weighted, q]).T
    drawn = np.empty((len(weighted), resamples))
    for start in range(0, resamples, rows):
        count = min(rows, resamples - start)
        classes = rng.integers(0, n, (count, n)) + n * np.arange(count)[:, None]
        times = np.bincount(classes.ravel(), minlength=count * n).reshape(count, n)
        sums = times @ both
        drawn[:, start : start + count] = (sums[:, :-1] / sums[:, -1:]).T
    return drawn
