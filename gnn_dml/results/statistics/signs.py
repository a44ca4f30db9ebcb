"""The paired permutation test: how often the mean is as far from zero when each difference has another sign.

Legend: M comparisons of n differences each.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

EXACT = 16
"""Up to so many differences every assignment of signs is tried, 2^n of them."""

RANDOM = 99_999
"""Assignments beyond that, drawn at random."""

PORTION = 4096
"""Of them drawn at a time."""

CHUNK = 2**21
"""Means at a time."""

SLACK = 100 * np.finfo(float).eps
"""Of the sizes of the differences: sums that lie nearer count as equal."""


def sign_p_values(x: NDArray[np.float64]) -> NDArray[np.float64]:
    """Two-sided p-values of rows; the test of `scipy.stats.permutation_test` with `permutation_type="samples"`.

    Args:
        x: (M, n), finite.

    Returns:
        (M,), where all assignments are tried the share of them whose sum is as far from zero; else the same of random
        ones, which are always the same, with the one seen counted among them.
    """
    return _exact(x) if x.shape[1] <= EXACT else _drawn(x)


def _exact(x: NDArray[np.float64]) -> NDArray[np.float64]:
    """The first sign need not change: turning all of them round gives a sum as far from zero."""
    n = x.shape[1]
    bits = np.arange(2 ** (n - 1))[:, None] >> np.arange(n)
    signs = (1.0 - 2.0 * (bits & 1))[:, ::-1]
    seen, slack = np.abs(x.sum(axis=1)), SLACK * np.abs(x).sum(axis=1)
    found = np.empty(len(x))
    portion = max(1, CHUNK // len(signs))
    for start in range(0, len(x), portion):
        part = slice(start, start + portion)
        found[part] = (np.abs(x[part] @ signs.T) >= (seen - slack)[part, None]).mean(axis=1)
    return found


def _drawn(x: NDArray[np.float64]) -> NDArray[np.float64]:
    seen, slack = x.sum(axis=1), SLACK * np.abs(x).sum(axis=1)
    above, below = np.zeros(len(x)), np.zeros(len(x))
    portion = max(1, CHUNK // PORTION)
    for signs in _random_signs(x.shape[1]):
        for start in range(0, len(x), portion):
            part = slice(start, start + portion)
            sums = x[part] @ signs.T
            above[part] += (sums >= (seen - slack)[part, None]).sum(axis=1)
            below[part] += (sums <= (seen + slack)[part, None]).sum(axis=1)
    return np.minimum(1.0, 2 * (np.minimum(above, below) + 1) / (RANDOM + 1))


def _random_signs(n: int) -> Iterator[NDArray[np.float64]]:
    """Assignments (up to `PORTION`, n), those that scipy draws."""
    rng, either = np.random.default_rng(0), np.tile(np.arange(2), (PORTION, n, 1))
    for start in range(0, RANDOM, PORTION):
        yield 1.0 - 2.0 * rng.permuted(either, axis=-1)[: RANDOM - start, :, 0]
