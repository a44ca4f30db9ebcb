import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
from statsmodels.stats.weightstats import DescrStatsW

from gnn_dml.results.statistics import equivalence_p


@given(st.lists(st.integers(-30, 30), min_size=3, max_size=8).filter(lambda x: len(set(x)) > 1), st.integers(1, 40))
def test_two_one_sided_tests_as_in_statsmodels(values, margin):
    expected = DescrStatsW(np.array(values, dtype=float)).ttost_mean(-margin, margin)[0]
    assert equivalence_p(np.mean(values), np.std(values, ddof=1), len(values), margin) == pytest.approx(expected)


def test_it_is_the_ninety_percent_interval_inside_the_margin():
    x = np.array([0.1, 0.3, -0.2, 0.2, 0.0])
    interval = stats.ttest_1samp(x, 0).confidence_interval(0.90)
    widest = max(abs(interval.low), abs(interval.high))
    assert equivalence_p(x.mean(), x.std(ddof=1), 5, widest * 1.001) < 0.05
    assert equivalence_p(x.mean(), x.std(ddof=1), 5, widest * 0.999) > 0.05


def test_edges():
    assert math.isnan(equivalence_p(0.1, math.nan, 1, 1.0))
    assert (equivalence_p(0.5, 0.0, 3, 1.0), equivalence_p(2.0, 0.0, 3, 1.0)) == (0.0, 1.0)
    with pytest.raises(ValueError, match="above 0, not 0"):
        equivalence_p(0.1, 1.0, 5, 0)
