"""Comparisons made together, against statsmodels' Holm, and the rates of error that they promise."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from statsmodels.stats.multitest import multipletests

from gnn_dml.results.intervals import holm
from gnn_dml.results.statistics import family


@given(st.lists(st.floats(0, 1) | st.sampled_from([0.0, 0.01, 0.02]), min_size=1, max_size=12))
@settings(max_examples=50)
def test_holm_by_its_definition(p_values):
    """The largest, over all that are at most as large, of p times how many are at least as large as that."""
    expected = [min(1.0, max(q * sum(other >= q for other in p_values) for q in p_values if q <= p)) for p in p_values]
    assert holm(p_values) == pytest.approx(expected)


def test_holm_as_in_statsmodels():
    """One call: statsmodels collects all garbage of the process in each."""
    p_values = [0.2, 0.004, 1.0, 0.03, 0.004, 0.0, 0.012, 0.011]
    assert holm(p_values) == pytest.approx(multipletests(p_values, method="holm")[1])


def test_what_could_not_be_compared_is_no_comparison():
    assert holm([0.01, math.nan, 0.04]) == pytest.approx([0.02, math.nan, 0.04], nan_ok=True)


def draws(means, n, seed=0):
    rng = np.random.default_rng(seed)
    return {name: rng.normal(mean, 1.0, n) for name, mean in means.items()}


def test_three_verdicts():
    found = family(draws({"far": 8.0, "same": 0.0, "open": 0.0}, 10, seed=0) | {"open": [2.0, -1.0] * 5}, margin=1.5)
    assert {name: one.verdict for name, one in found.items()} == {
        "far": "different",
        "same": "equivalent",
        "open": "not settled",
    }
    assert found["far"].needed == 2 or found["far"].needed < 10
    assert found["open"].needed > 10


def test_a_difference_can_be_settled_and_within_the_margin():
    found = family({"small": [0.10, 0.11, 0.12, 0.10, 0.11, 0.12]}, margin=1.0)["small"]
    assert (found.verdict, found.within) == ("different", True)


def test_simultaneous_intervals_are_those_of_one_level_shared_by_all():
    values = draws({"a": 1.0, "b": 0.5, "c": 0.0}, 8)
    found = family({**values, "alone": [1.0]}, margin=1.0)  # one that cannot be compared shares nothing
    for name, x in values.items():
        expected = stats.ttest_1samp(x, 0).confidence_interval(1 - 0.05 / 3)
        assert (found[name].low, found[name].high) == pytest.approx((expected.low, expected.high))
    assert math.isnan(found["alone"].low)
    assert found["alone"].verdict == "not settled"


def test_nothing_is_found_where_nothing_is_in_nineteen_of_twenty_studies():
    rng = np.random.default_rng(3)
    x = rng.normal(0, 1, (1500, 9, 6))
    p = stats.ttest_1samp(x, 0, axis=2).pvalue
    wrong = np.mean([min(holm(list(row))) < 0.05 for row in p])
    assert wrong == pytest.approx(0.05, abs=0.015)


def test_an_empty_family_and_a_wrong_margin():
    assert family({}, margin=1.0) == {}
    with pytest.raises(ValueError, match="margin"):
        family({"a": [1.0, 2.0]}, margin=-1.0)
