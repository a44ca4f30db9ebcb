"""What a number of seeds can see, and how many seeds a difference needs: the power of the paired t-test."""

from __future__ import annotations

import math
from functools import lru_cache

from scipy import special  # type: ignore[import-untyped, unused-ignore]

POWER = 0.8
MOST = 100_000
"""Beyond so many seeds the answer is "no number of seeds"."""


def power(effect: float, n: int, alpha: float = 0.05) -> float:
    """The chance that the two-sided paired t-test finds a difference.

    Args:
        effect: The true mean difference over the standard deviation of the differences.
        n: Seeds, at least 2.
        alpha: Level of the test.
    """
    # scipy.stats computes the same, in ten times the time.
    shift = abs(effect) * math.sqrt(n)
    critical = special.stdtrit(n - 1, 1 - alpha / 2)
    wrong_side = float(special.nctdtr(n - 1, shift, -critical))  # NaN where it is too small for scipy
    return 1.0 - float(special.nctdtr(n - 1, shift, critical)) + (0.0 if math.isnan(wrong_side) else wrong_side)


def smallest_difference(deviation: float, n: int, *, alpha: float = 0.05) -> float:
    """The true difference that n seeds find in 80 % of studies, given the standard deviation of the differences.

    Returns:
        In the unit of the deviation; NaN with fewer than two seeds.
    """
    if n < 2 or math.isnan(deviation):
        return math.nan
    return _smallest_effect(n, alpha) * deviation


@lru_cache(maxsize=1024)
def _smallest_effect(n: int, alpha: float) -> float:
    """The same in standard deviations, by bisection."""
    low, high = 0.0, 1.0
    while power(high, n, alpha) < POWER:
        high *= 2
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if power(middle, n, alpha) < POWER else (low, middle)
    return high


def seeds_needed(mean: float, deviation: float, *, alpha: float = 0.05) -> int | None:
    """The seeds with which a difference as large as the one seen is found in 80 % of studies.

    Args:
        mean: The difference.
        deviation: The standard deviation of the paired differences.
        alpha: Level of the test.

    Returns:
        At least 2; None where nothing is known, or no practical number is enough.
    """
    if math.isnan(mean) or math.isnan(deviation) or mean == 0:
        return None
    if deviation == 0:
        return 2
    effect = abs(mean) / deviation
    # With the deviation known it would be a test by the normal distribution, which no t-test can beat.
    fewest = ((special.ndtri(1 - alpha / 2) + special.ndtri(POWER)) / effect) ** 2
    if fewest > MOST:
        return None
    low = max(1, int(fewest) - 1)
    high, step = low + 2, 2
    while power(effect, high, alpha) < POWER:
        low, step = high, 2 * step
        high += step
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if power(effect, middle, alpha) < POWER else (low, middle)
    return high if high <= MOST else None
