"""Small-sample statistics over seeds: t intervals, the paired t-test, Holm's correction."""

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike
from scipy import special  # type: ignore[import-untyped, unused-ignore]  # scipy.stats takes a second to import


class Interval(NamedTuple):
    """A mean with its 95 % confidence interval and the p-value of the hypothesis that it is zero.

    Attributes:
        n: How many values there were.
        mean: Their mean; NaN without values.
        half_width: Half the width of the interval; NaN with fewer than two values.
        p: Two-sided p-value; NaN with fewer than two values.
    """

    n: int
    mean: float
    half_width: float
    p: float

    @property
    def low(self) -> float:
        """The lower end of the interval."""
        return self.mean - self.half_width

    @property
    def high(self) -> float:
        """The upper end of the interval."""
        return self.mean + self.half_width

    @property
    def excludes_zero(self) -> bool:
        """Whether zero lies outside the interval; False where there is no interval."""
        return self.low > 0 or self.high < 0


def t_interval(values: ArrayLike) -> Interval:
    """The mean of a few values and its 95 % confidence interval by Student's t distribution.

    Of paired differences this is the paired t-test.

    Args:
        values: Finite numbers, one per seed.

    Returns:
        The interval. Equal values have no spread: an interval of no width, with p = 1 at zero, else p = 0.
    """
    x = np.asarray(values, dtype=float)
    n = len(x)
    if n == 0:
        return Interval(0, math.nan, math.nan, math.nan)
    mean = float(x.mean())
    if n == 1:
        return Interval(1, mean, math.nan, math.nan)
    error = float(x.std(ddof=1)) / math.sqrt(n)
    if error == 0:
        return Interval(n, mean, 0.0, 1.0 if mean == 0 else 0.0)
    half_width = float(special.stdtrit(n - 1, 0.975)) * error
    return Interval(n, mean, half_width, float(2 * special.stdtr(n - 1, -abs(mean) / error)))


def holm(p_values: Sequence[float]) -> list[float]:
    """Holm's step-down adjustment of p-values that were looked at together.

    Args:
        p_values: One per comparison; NaN where none could be made, which does not count as a comparison.

    Returns:
        The adjusted p-values, in the same order.
    """
    adjusted = [math.nan] * len(p_values)
    made = sorted((p, i) for i, p in enumerate(p_values) if not math.isnan(p))
    running = 0.0
    for rank, (p, i) in enumerate(made):
        running = max(running, min(1.0, p * (len(made) - rank)))
        adjusted[i] = running
    return adjusted
