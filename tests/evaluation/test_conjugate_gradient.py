"""Conjugate gradients against numpy's solver."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gnn_dml.evaluation.conjugate_gradient import conjugate_gradient


@given(st.integers(1, 12), st.integers(1, 5), st.integers(0, 999))
def test_equals_the_solver_of_numpy(n, m, seed):
    generator = np.random.default_rng(seed)
    root = generator.standard_normal((n, n))
    matrix, right = root @ root.T + np.eye(n), generator.standard_normal((n, m))
    found = conjugate_gradient(lambda v: matrix @ v, right, iterations=20 * n, tolerance=1e-12)
    np.testing.assert_allclose(found, np.linalg.solve(matrix, right), atol=1e-7)


def test_a_column_is_its_own_system():
    generator = np.random.default_rng(0)
    root = generator.standard_normal((9, 9))
    matrix, right = root @ root.T + np.eye(9), generator.standard_normal((9, 4)) * [1, 1e-6, 0, 1e6]
    together = conjugate_gradient(lambda v: matrix @ v, right, iterations=5, tolerance=1e-3)
    for i in range(4):
        alone = conjugate_gradient(lambda v: matrix @ v, right[:, [i]], iterations=5, tolerance=1e-3)
        np.testing.assert_allclose(together[:, [i]], alone, rtol=1e-9)
    assert (together[:, 2] == 0).all()


@pytest.mark.parametrize("tolerance", [1e-2, 1e-6])
def test_it_stops_once_it_is_near_enough(tolerance):
    matrix, right = np.diag(np.arange(1.0, 200.0)), np.ones((199, 1))
    calls = []

    def multiply(v):
        calls.append(v)
        return matrix @ v

    found = conjugate_gradient(multiply, right, iterations=1000, tolerance=tolerance)
    residual = np.linalg.norm(matrix @ found - right) / np.linalg.norm(right)
    assert tolerance / 10 < residual <= tolerance
    assert len(calls) < 150
