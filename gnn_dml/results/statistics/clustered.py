"""A bootstrap that draws classes anew: how far a figure would move with other test classes.

Legend: M figures of the same C classes, R draws.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from gnn_dml.results.statistics.paired import LEVEL, RESAMPLES

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
    for i in range(len(x)):
        low[i], high[i] = _bca(float(seen[i]), drawn[:, i], without[i])
    return Clustered(low, high)


def _draw(weighted: NDArray[np.float64], q: NDArray[np.float64], resamples: int) -> NDArray[np.float64]:
    """The figures (R, M) of R draws."""
    rng, n = np.random.default_rng(0), len(q)
    rows = max(1, CHUNK // n)
    both = np.vstack([weighted, q]).T
    parts = []
    for start in range(0, resamples, rows):
        count = min(rows, resamples - start)
        classes = rng.integers(0, n, (count, n)) + n * np.arange(count)[:, None]
        times = np.bincount(classes.ravel(), minlength=count * n).reshape(count, n)
        sums = times @ both
        parts.append(sums[:, :-1] / sums[:, -1:])
    return np.vstack(parts)


def _bca(seen: float, drawn: NDArray[np.float64], without: NDArray[np.float64]) -> tuple[float, float]:
    """Ends of the interval of one figure: corrected for bias by the draws, and for skew by leaving each class out."""
    from scipy import stats

    if math.isclose(float(drawn.min()), float(drawn.max()), rel_tol=1e-12, abs_tol=1e-15):
        return math.nan, math.nan
    below = float((drawn < seen).mean() + (drawn <= seen).mean()) / 2
    away = without.mean() - without
    skew = float((away**3).sum() / (6 * (away**2).sum() ** 1.5))
    bias, tail = float(stats.norm.ppf(below)), float(stats.norm.ppf((1 + LEVEL) / 2))
    ends = [bias + (bias + z) / (1 - skew * (bias + z)) for z in (-tail, tail)]
    if not np.isfinite(ends).all():
        return math.nan, math.nan
    low, high = np.quantile(drawn, stats.norm.cdf(ends))
    return float(low), float(high)
