"""Equivalence: that a difference lies within a margin, which no test of a difference can show."""

from __future__ import annotations

import math

from scipy import special  # type: ignore[import-untyped, unused-ignore]  # scipy.stats takes a second to import


def equivalence_p(mean: float, deviation: float, n: int, margin: float) -> float:
    """The p-value of two one-sided t-tests (Schuirmann 1987) that the mean difference lies within +-margin.

    At 5 % it is the question whether the 90 % interval by Student's t lies inside.

    Args:
        mean: Of the paired differences.
        deviation: Their standard deviation.
        n: How many there are.
        margin: In the unit of the differences, above 0.

    Returns:
        NaN with fewer than two differences.

    Raises:
        ValueError: If the margin is not above 0.
    """
    if not margin > 0:
        raise ValueError(f"a margin must be above 0, not {margin}")
    if n < 2:
        return math.nan
    if deviation == 0:
        return 0.0 if abs(mean) < margin else 1.0
    return float(special.stdtr(n - 1, -(margin - abs(mean)) / (deviation / math.sqrt(n))))
