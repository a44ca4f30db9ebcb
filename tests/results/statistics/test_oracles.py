"""The same numbers as libraries that are no dependencies: rliable, autorank and scikit-posthocs, see oracles.json."""

import json
import math
from pathlib import Path

import numpy as np
import pytest
from scipy import stats

from gnn_dml.results.intervals import holm
from gnn_dml.results.ranks import mean_ranks
from gnn_dml.results.statistics import clustered_intervals, paired

ORACLES = json.loads(Path(__file__).with_name("oracles.json").read_text())
CELLS = {name: np.array(values) for name, values in ORACLES["cells"].items()}


@pytest.mark.parametrize("cell", ORACLES["differences"])
def test_the_bootstrap_over_seeds_is_that_of_rliable(cell):
    expected = ORACLES["differences"][cell]
    found = paired(CELLS[cell] - CELLS["complete"], resamples=100_000)
    width = expected["bca"][1] - expected["bca"][0]
    assert found.mean == pytest.approx(expected["mean"])
    assert found.bootstrap_low == pytest.approx(expected["bca"][0], abs=0.02 * width)
    assert found.bootstrap_high == pytest.approx(expected["bca"][1], abs=0.02 * width)


def test_the_bootstrap_over_classes_is_that_of_rliable():
    expected = ORACLES["classes"]
    found = clustered_intervals(expected["values"], np.ones(len(expected["values"])), resamples=100_000)
    width = expected["bca"][1] - expected["bca"][0]
    assert found.low[0] == pytest.approx(expected["bca"][0], abs=0.02 * width)
    assert found.high[0] == pytest.approx(expected["bca"][1], abs=0.02 * width)


def test_mean_ranks_are_those_of_autorank_and_give_the_test_of_scikit_posthocs():
    found = mean_ranks({name: dict(enumerate(values)) for name, values in CELLS.items()})
    assert found.ranks == pytest.approx(ORACLES["mean_ranks"])
    assert found.seeds == 12
    k = len(CELLS)
    for cell, expected in ORACLES["nemenyi"].items():
        z = abs(found.ranks[cell] - found.ranks["complete"]) / math.sqrt(k * (k + 1) / (6 * found.seeds))
        assert stats.studentized_range.sf(z * math.sqrt(2), k, np.inf) == pytest.approx(expected, abs=1e-6)


def test_holm_is_that_of_scikit_posthocs():
    assert holm(ORACLES["holm"]["p"]) == pytest.approx(ORACLES["holm"]["adjusted"])
