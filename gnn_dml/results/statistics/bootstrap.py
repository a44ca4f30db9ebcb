"""The bootstrap of means of a few values, of many comparisons at once, and the ends of any BCa interval.

Legend: M figures, each of n values; R draws.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import special  # type: ignore[import-untyped, unused-ignore]  # scipy.stats takes a second to import

LEVEL = 0.95
RESAMPLES = 9_999
CHUNK = 2**21
"""Means drawn at a time."""

NEAR = 1e-12
"""Of the largest value: a mean that is not farther from the one seen may differ from it by rounding alone."""


def bootstrap_intervals(
    x: NDArray[np.float64], *, resamples: int = RESAMPLES
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """95 % intervals (BCa, Efron 1987) of the means of rows, by drawing values with replacement.

    Every row has the same draws, which are the same in each call: those of `scipy.stats.bootstrap` with
    `rng=default_rng(0)`, whose interval this is.

    Args:
        x: (M, n), finite, n at least 2.
        resamples: R.

    Returns:
        Lower and upper ends (M,), NaN where all values of a row are equal.
    """
    rows, n = x.shape
    drawn_places = np.random.default_rng(0).integers(0, n, (resamples, n))
    places = drawn_places + n * np.arange(resamples)[:, None]
    times = np.bincount(places.ravel(), minlength=resamples * n).reshape(resamples, n).astype(float)
    low, high = np.empty(rows), np.empty(rows)
    portion = max(1, CHUNK // resamples)
    for start in range(0, rows, portion):
        part = x[start : start + portion]
        seen = part.mean(axis=1)
        drawn = part @ times.T / n
        equal = np.ptp(part, axis=1) == 0
        # A draw of the same values in another order counts as scipy counts it, by its own rounding.
        near = np.where(equal, -1.0, NEAR * np.abs(part).max(axis=1))
        i, k = np.nonzero(np.abs(drawn - seen[:, None]) <= near[:, None])
        drawn[i, k] = part[i[:, None], drawn_places[k]].mean(axis=1)
        without = (part.sum(axis=1, keepdims=True) - part) / (n - 1)
        ends = bca_ends(seen, drawn, without)
        low[start : start + portion], high[start : start + portion] = (np.where(equal, np.nan, end) for end in ends)
    return low, high


def bca_ends(
    seen: NDArray[np.float64], drawn: NDArray[np.float64], without: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Ends of 95 % intervals, corrected for bias by the draws, and for skew by leaving each value out.

    Args:
        seen: (M,), the figures.
        drawn: (M, R), the figures of the draws; sorted in place.
        without: (M, n), the figures without each of their values.

    Returns:
        Lower and upper ends (M,), NaN where no draw is below the figure, or none above it.
    """
    below = ((drawn < seen[:, None]).mean(axis=1) + (drawn <= seen[:, None]).mean(axis=1)) / 2
    away = without.mean(axis=1, keepdims=True) - without
    drawn.sort(axis=1)
    with np.errstate(divide="ignore", invalid="ignore"):
        skew = (away**3).sum(axis=1) / (6 * (away**2).sum(axis=1) ** 1.5)
        bias, tail = special.ndtri(below), special.ndtri((1 + LEVEL) / 2)
        ends = [bias + (bias + z) / (1 - skew * (bias + z)) for z in (-tail, tail)]
    known = np.isfinite(ends[0]) & np.isfinite(ends[1])
    low, high = (_quantile(drawn, np.where(known, special.ndtr(end), 0.5)) for end in ends)
    return np.where(known, low, np.nan), np.where(known, high, np.nan)


def _quantile(ordered: NDArray[np.float64], share: NDArray[np.float64]) -> NDArray[np.float64]:
    """The value below which a share of each row lies, between its two neighbours in a straight line."""
    place = share * (ordered.shape[1] - 1)
    left = np.floor(place).astype(np.intp)
    right = np.minimum(left + 1, ordered.shape[1] - 1)
    rows = np.arange(len(ordered))
    found: NDArray[np.float64] = ordered[rows, left] + (ordered[rows, right] - ordered[rows, left]) * (place - left)
    return found
