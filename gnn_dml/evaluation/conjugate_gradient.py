"""Linear systems with one matrix and many right sides, by conjugate gradients (Hestenes and Stiefel, 1952)."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

Matrix = npt.NDArray[np.float64]


def conjugate_gradient(
    multiply: Callable[[Matrix], Matrix], right: Matrix, *, iterations: int, tolerance: float
) -> Matrix:
    """Solve multiply(x) = right, each column a system of its own, from x = 0 on.

    A column is done once its residual is at most `tolerance` times as long as its right side.

    Args:
        multiply: The product of a symmetric positive definite matrix with (n, m), not in place.
        right: (n, m).
        iterations: At most.
        tolerance: At least 0.

    Returns:
        x, (n, m); zero where the right side is.

    Example:
        >>> matrix = np.array([[2.0, 1.0], [1.0, 3.0]])
        >>> x = conjugate_gradient(lambda v: matrix @ v, np.array([[3.0], [4.0]]), iterations=2, tolerance=0.0)
        >>> x.round(6).ravel().tolist()
        [1.0, 1.0]
    """
    x, residual = np.zeros_like(right), right.copy()
    direction = residual
    square = (residual**2).sum(axis=0)
    enough = tolerance**2 * square
    for _ in range(iterations):
        going = square > enough
        if not going.any():
            break
        product = multiply(direction)
        curvature = (direction * product).sum(axis=0)
        step = np.divide(square, curvature, out=np.zeros_like(square), where=going & (curvature > 0))
        x += step * direction
        residual = residual - step * product
        before, square = square, np.where(going, (residual**2).sum(axis=0), square)
        direction = residual + np.divide(square, before, out=np.zeros_like(square), where=before > 0) * direction
    return x
