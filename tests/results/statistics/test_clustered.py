"""Intervals by drawing classes, against scipy's bootstrap of a ratio and draws made one by one."""

import math

import numpy as np
import pytest
from scipy import stats

from gnn_dml.results.statistics import clustered_intervals, paired


def classes(seed=0, count=40):
    rng = np.random.default_rng(seed)
    return rng.normal(0.02, 0.1, (3, count)), rng.integers(1, 30, count).astype(float)


def test_it_is_the_bca_interval_of_scipy():
    values, weights = classes()
    found = clustered_intervals(values, weights, resamples=20_000)
    for i, row in enumerate(values):
        expected = stats.bootstrap(
            (row * weights, weights),
            lambda top, bottom, axis: top.sum(axis=axis) / bottom.sum(axis=axis),
            paired=True,
            n_resamples=20_000,
            rng=np.random.default_rng(1),
        ).confidence_interval
        width = expected.high - expected.low
        assert found.low[i] == pytest.approx(expected.low, abs=0.04 * width)
        assert found.high[i] == pytest.approx(expected.high, abs=0.04 * width)


def test_equal_weights_are_the_bootstrap_of_the_mean():
    values, _ = classes(1, 12)
    found, alone = clustered_intervals(values[:1], np.ones(12)), paired(values[0])
    width = alone.bootstrap_high - alone.bootstrap_low
    assert found.low[0] == pytest.approx(alone.bootstrap_low, abs=0.04 * width)
    assert found.high[0] == pytest.approx(alone.bootstrap_high, abs=0.04 * width)


def test_two_classes_drawn_by_hand():
    # A draw is (a, a), (a, b), (b, a) or (b, b): the mean is 0, 0.75 or 1 with queries 1 and 3.
    found = clustered_intervals([[0.0, 1.0]], [1.0, 3.0])
    assert {round(float(found.low[0]), 9), round(float(found.high[0]), 9)} <= {0.0, 0.75, 1.0}


def test_the_draws_do_not_depend_on_what_else_is_asked_nor_on_their_portions(monkeypatch):
    values, weights = classes(2)
    whole = clustered_intervals(values, weights)
    assert clustered_intervals(values[1:2], weights).low[0] == pytest.approx(whole.low[1], abs=1e-12)
    monkeypatch.setattr("gnn_dml.results.statistics.clustered.CHUNK", 100)
    assert clustered_intervals(values, weights).low == pytest.approx(whole.low)


def test_no_spread_and_one_class_have_no_interval():
    found = clustered_intervals([[0.1, 0.1, 0.1], [0.0, 0.0, 0.0]], [1, 5, 2])
    assert np.isnan(found.low).all()
    assert np.isnan(found.high).all()
    assert math.isnan(clustered_intervals([[0.5]], [3]).low[0])


@pytest.mark.parametrize(
    ("values", "weights"), [([[0.1, 0.2]], [1.0]), ([[0.1, math.nan]], [1.0, 1.0]), ([[0.1, 0.2]], [1.0, 0.0])]
)
def test_what_makes_no_sense_is_an_error(values, weights):
    with pytest.raises(ValueError, match=r"go together|finite"):
        clustered_intervals(values, weights)
