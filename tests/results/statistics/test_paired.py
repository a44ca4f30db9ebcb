"""One paired comparison against scipy, and against every assignment of signs tried in a loop."""

import math
from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from gnn_dml.results.statistics import paired

some = st.lists(st.integers(-50, 50).map(lambda x: x / 10), min_size=2, max_size=9)


@given(some)
@settings(max_examples=60)
def test_the_exact_test_is_every_assignment_of_signs(values):
    seen = abs(sum(values))
    sums = [
        abs(sum(sign * x for sign, x in zip(signs, values, strict=True)))
        for signs in product((1, -1), repeat=len(values))
    ]
    expected = sum(total >= seen - 1e-9 for total in sums) / len(sums)
    assert paired(values, resamples=20).p_exact == pytest.approx(expected)


@given(some.filter(lambda x: len(set(x)) > 1))
@settings(max_examples=40)
def test_the_t_test_and_the_interval_are_those_of_scipy(values):
    found, expected = paired(values, resamples=20), stats.ttest_1samp(values, 0)
    interval = expected.confidence_interval(0.95)
    assert found.p_t == pytest.approx(expected.pvalue)
    assert (found.low, found.high) == pytest.approx((interval.low, interval.high))
    assert found.deviation == pytest.approx(np.std(values, ddof=1))


def test_by_hand():
    found = paired([1.0, 2.0, 3.0])
    assert (found.n, found.mean, found.deviation) == (3, 2.0, 1.0)
    assert found.high - found.mean == pytest.approx(4.302653 / math.sqrt(3), rel=1e-6)
    # All of one sign: 2 of the 8 assignments are as far from zero.
    assert found.p_exact == found.p_least == 0.25
    assert 1 <= found.bootstrap_low <= 2 <= found.bootstrap_high <= 3


def test_five_seeds_never_go_below_one_in_sixteen():
    found = paired([10.0, 11.0, 12.0, 13.0, 14.0])
    assert found.p_exact == found.p_least == 0.0625
    assert found.p_t < 0.001


def test_the_bootstrap_interval_covers_and_is_the_same_on_every_call():
    x = np.random.default_rng(1).normal(0.5, 1.0, 30)
    found = paired(x)
    assert (found.bootstrap_low, found.bootstrap_high) == pytest.approx((found.low, found.high), abs=0.1)
    assert found == paired(x)


def test_more_seeds_than_can_be_tried_exactly():
    x = np.random.default_rng(2).normal(0.3, 1.0, 30)
    assert paired(x).p_exact == pytest.approx(stats.ttest_1samp(x, 0).pvalue, abs=0.02)


@pytest.mark.parametrize(("values", "p"), [([0.0, 0.0, 0.0], 1.0), ([0.5, 0.5], 0.0)])
def test_equal_differences(values, p):
    found = paired(values)
    assert (found.low, found.high, found.p_t) == (values[0], values[0], p)
    assert math.isnan(found.bootstrap_low)


def test_too_few():
    assert math.isnan(paired([]).mean)
    one = paired([0.5])
    assert (one.n, one.mean, one.p_least) == (1, 0.5, 1.0)
    assert math.isnan(one.low)
    assert math.isnan(one.p_exact)


def test_a_seed_that_one_cell_lacks_is_an_error():
    with pytest.raises(ValueError, match="not a finite number"):
        paired([0.1, math.nan])
