"""One comparison of two cells, paired by seed: intervals and tests of the mean difference.

Legend: n seeds that both cells finished.
"""

from __future__ import annotations

import math
import warnings
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

LEVEL = 0.95
RESAMPLES = 9_999
EXACT = 16
"""Up to so many seeds every assignment of signs is tried, 2^n of them; beyond, 99,999 random ones."""


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
    x = np.asarray(differences, dtype=float)
    if not np.isfinite(x).all():
        raise ValueError("a difference is not a finite number: leave out seeds that one of the two cells lacks")
    n = len(x)
    mean = float(x.mean()) if n else math.nan
    if n < 2:
        return Paired(n, mean, *(math.nan,) * 7, p_least=_least(n))
    deviation = float(x.std(ddof=1))
    low, high, p = _student(x, mean, deviation)
    bootstrap_low, bootstrap_high = _bootstrap(x, resamples)
    return Paired(n, mean, deviation, low, high, p, bootstrap_low, bootstrap_high, _permutation(x), _least(n))


def _least(n: int) -> float:
    return 2.0 / 2**n if n > 0 else math.nan


def _student(x: NDArray[np.float64], mean: float, deviation: float) -> tuple[float, float, float]:
    from scipy import stats  # late: most programs that read results test nothing

    n = len(x)
    if deviation == 0:
        return mean, mean, 1.0 if mean == 0 else 0.0
    error = deviation / math.sqrt(n)
    half = float(stats.t.ppf((1 + LEVEL) / 2, n - 1)) * error
    return mean - half, mean + half, float(2 * stats.t.sf(abs(mean) / error, n - 1))


def _bootstrap(x: NDArray[np.float64], resamples: int) -> tuple[float, float]:
    from scipy import stats

    if len(np.unique(x)) < 2:
        return math.nan, math.nan
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", stats.DegenerateDataWarning)  # then it is NaN, which says so
        found = stats.bootstrap(
            (x,), np.mean, n_resamples=resamples, confidence_level=LEVEL, method="BCa", rng=np.random.default_rng(0)
        ).confidence_interval
    return float(found.low), float(found.high)


def _permutation(x: NDArray[np.float64]) -> float:
    from scipy import stats

    found = stats.permutation_test(
        (x,),
        lambda values, axis: values.mean(axis=axis),
        permutation_type="samples",
        vectorized=True,
        n_resamples=2 ** len(x) if len(x) <= EXACT else 99_999,
        batch=4096,
        rng=np.random.default_rng(0),
    )
    return float(found.pvalue)
