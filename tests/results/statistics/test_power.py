import math

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from scipy import stats
from statsmodels.stats.power import TTestPower

from gnn_dml.results.statistics import seeds_needed, smallest_difference
from gnn_dml.results.statistics.power import power


@given(st.floats(0.1, 3.0), st.integers(2, 60), st.sampled_from([0.05, 0.01, 0.05 / 9]))
@settings(max_examples=60)
def test_power_as_in_statsmodels(effect, n, alpha):
    expected = TTestPower().power(effect, n, alpha)
    assume(not math.isnan(expected))  # where its far tail is
    assert power(effect, n, alpha) == pytest.approx(expected, abs=1e-6)


def test_the_smallest_difference_is_found_four_times_in_five():
    smallest = smallest_difference(2.0, 6)
    x = np.random.default_rng(0).normal(smallest, 2.0, (20_000, 6))
    assert (stats.ttest_1samp(x, 0, axis=1).pvalue < 0.05).mean() == pytest.approx(0.8, abs=0.01)


@pytest.mark.parametrize("alpha", [0.05, 0.005])
@pytest.mark.parametrize("mean", [0.2, 0.7, 3.0])
def test_one_seed_fewer_is_not_enough(mean, alpha):
    n = seeds_needed(mean, 1.0, alpha=alpha)
    assert power(mean, n, alpha) >= 0.8
    assert n == 2 or power(mean, n - 1, alpha) < 0.8


def test_it_says_up_to_a_hundred_thousand_seeds():
    assert 65_536 < seeds_needed(0.00947, 1.0) < 100_000
    assert seeds_needed(0.008, 1.0) is None


def test_edges():
    assert seeds_needed(0.0, 1.0) is None
    assert seeds_needed(1e-9, 1.0) is None
    assert seeds_needed(1.0, 0.0) == 2
    assert seeds_needed(math.nan, 1.0) is None
    assert math.isnan(smallest_difference(1.0, 1))
    assert smallest_difference(0.0, 5) == 0.0
