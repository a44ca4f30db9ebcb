"""The permutation test of many comparisons at once, held to scipy's of each."""

import numpy as np
import pytest
from scipy import stats

from gnn_dml.results.statistics import signs
from gnn_dml.results.statistics.signs import sign_p_values


def scipys(x):
    return stats.permutation_test(
        (x,),
        lambda values, axis: values.mean(axis=axis),
        permutation_type="samples",
        n_resamples=2 ** len(x) if len(x) <= signs.EXACT else signs.RANDOM,
        batch=signs.PORTION,
        rng=np.random.default_rng(0),
    ).pvalue


@pytest.mark.parametrize("n", [2, 7, 10])
def test_every_assignment_as_in_scipy(n):
    rng = np.random.default_rng(n)
    x = np.vstack([rng.normal(0.4, 1, (2, n)), np.round(rng.normal(0.2, 1, (2, n)), 1), np.zeros((1, n))])
    assert sign_p_values(x).tolist() == [scipys(row) for row in x]


def test_random_assignments_are_those_of_scipy(monkeypatch):
    x = np.random.default_rng(1).normal(0.3, 1, (2, 18))
    monkeypatch.setattr(signs, "RANDOM", 5000)  # more than a portion, and no multiple of it
    assert sign_p_values(x).tolist() == pytest.approx([scipys(row) for row in x], abs=1e-12)


def test_portions_change_nothing(monkeypatch):
    x = np.random.default_rng(2).normal(0.3, 1, (5, 6))
    whole = sign_p_values(x).tolist()
    monkeypatch.setattr(signs, "CHUNK", 64)
    assert sign_p_values(x).tolist() == whole
