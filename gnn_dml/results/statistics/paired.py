"""Comparisons of two cells, paired by seed: intervals and tests of the mean difference.

Legend: n seeds that both cells finished.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import special  # type: ignore[import-untyped, unused-ignore]  # scipy.stats takes a second to import

from gnn_dml.results.statistics.bootstrap import LEVEL, RESAMPLES, bootstrap_intervals
from gnn_dml.results.statistics.signs import sign_p_values


@dataclass(frozen=True)
class Paired:
    """What n paired differences say of their mean.

    Attributes:
        n: Seeds.
        mean: Of the differences; NaN without any.
        deviation: Standard deviation of the differences; NaN with fewer than two.
        low: Lower end of the 95 % interval by Student's t.
        high: Its upper end.
        p_t: Two-sided, of the paired t-test.
        bootstrap_low: Lower end of the 95 % interval by the bootstrap (BCa, Efron 1987); NaN where all are equal.
        bootstrap_high: Its upper end.
        p_exact: Two-sided, of the paired permutation test, which assumes no distribution.
        p_least: The smallest p-value that this many seeds can give in that test, 2 / 2^n.
    """

    n: int
    mean: float
    deviation: float
    low: float
    high: float
    p_t: float
    bootstrap_low: float
    bootstrap_high: float
    p_exact: float
    p_least: float


def paired(differences: ArrayLike, *, resamples: int = RESAMPLES) -> Paired:
    """Intervals and tests of the mean of paired differences.

    Args:
        differences: (n,), finite, one per seed.
        resamples: Of the bootstrap, whose draws are always the same.

    Returns:
        NaN stands for what n is too small for. Equal differences have no spread: an interval of no width, p_t = 1 at
        zero, else 0.

    Raises:
        ValueError: If a difference is not finite.
    """
    return paired_each([differences], resamples=resamples)[0]


def paired_each(comparisons: Sequence[ArrayLike], *, resamples: int = RESAMPLES) -> list[Paired]:
    """The same of several comparisons, those of equally many seeds at once.

    Raises:
        ValueError: If a difference is not finite.
    """
    arrays = [np.asarray(differences, dtype=float) for differences in comparisons]
    if not all(np.isfinite(x).all() for x in arrays):
        raise ValueError("a difference is not a finite number: leave out seeds that one of the two cells lacks")
    found: dict[int, Paired] = {}
    for n in dict.fromkeys(len(x) for x in arrays):
        places = [i for i, x in enumerate(arrays) if len(x) == n]
        rows = np.stack([arrays[i] for i in places])
        found |= dict(zip(places, _too_few(rows) if n < 2 else _judge(rows, resamples), strict=True))
    return [found[i] for i in range(len(arrays))]


def _too_few(x: NDArray[np.float64]) -> list[Paired]:
    n = x.shape[1]
    return [
        Paired(n, float(row[0]) if n else math.nan, *(math.nan,) * 7, p_least=2.0 / 2**n if n else math.nan)
        for row in x
    ]


def _judge(x: NDArray[np.float64], resamples: int) -> list[Paired]:
    """Of rows (M, n), n at least 2."""
    n = x.shape[1]
    mean, deviation = x.mean(axis=1), x.std(axis=1, ddof=1)
    error = deviation / math.sqrt(n)
    half = float(special.stdtrit(n - 1, (1 + LEVEL) / 2)) * error
    with np.errstate(divide="ignore", invalid="ignore"):
        p_t = 2 * special.stdtr(n - 1, -np.abs(mean) / error)
    p_t = np.where(deviation == 0, np.where(mean == 0, 1.0, 0.0), p_t)
    columns = (mean, deviation, mean - half, mean + half, p_t, *bootstrap_intervals(x, resamples=resamples))
    least = np.full(len(x), 2.0 / 2**n)
    numbers = (column.tolist() for column in (*columns, sign_p_values(x), least))
    return [Paired(n, *row) for row in zip(*numbers, strict=True)]
