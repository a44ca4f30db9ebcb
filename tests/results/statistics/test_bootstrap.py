"""Bootstrap intervals of many comparisons at once: the numbers of scipy, one comparison after the other."""

import math
import warnings

import numpy as np
import pytest
from scipy import stats

from gnn_dml.results.statistics import bootstrap
from gnn_dml.results.statistics.bootstrap import bootstrap_intervals


def scipys(x, resamples):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return stats.bootstrap(
            (x,), np.mean, n_resamples=resamples, method="BCa", rng=np.random.default_rng(0)
        ).confidence_interval


@pytest.mark.parametrize("n", [2, 5, 10, 20])
def test_they_are_scipys_to_the_last_digits_also_where_draws_tie_with_the_mean(n):
    rng = np.random.default_rng(n)
    shares = np.round(rng.normal(0.5, 0.05, (2, 2, n)) * 1135) / 1135
    x = np.vstack([rng.normal(0.3, 1, (2, n)), np.round(rng.normal(0, 1, (2, n)), 1), 100 * (shares[0] - shares[1])])
    low, high = bootstrap_intervals(x, resamples=999)
    for i, row in enumerate(x):
        expected = scipys(row, 999)
        assert (low[i], high[i]) == pytest.approx((expected.low, expected.high), abs=1e-12, nan_ok=True)


def test_portions_change_nothing_and_equal_values_have_no_interval(monkeypatch):
    x = np.vstack([np.random.default_rng(0).normal(0, 1, (5, 6)), np.full((1, 6), 0.25)])
    whole = bootstrap_intervals(x, resamples=199)
    monkeypatch.setattr(bootstrap, "CHUNK", 300)
    assert bootstrap_intervals(x, resamples=199)[0] == pytest.approx(whole[0], abs=1e-12, nan_ok=True)
    assert math.isnan(whole[0][5])
    assert not np.isnan(whole[1][:5]).any()
