"""Metrics that are asked for by name, averages, and queries inside their gallery, against a plain loop."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from gnn_dml.metrics import positions, retrieval
from gnn_dml.metrics.measures import parse_measures

KS = (1, 2, 4)
OF_K = ["precision@{}", "precision@{}/possible", "map@{}", "map@{}/found", "map@{}/relevant"]
MORE = ["mrr", "map", *(name.format(k) for k in KS for name in OF_K)]


@given(
    n=st.integers(2, 50),
    classes=st.integers(1, 12),
    seed=st.integers(0, 999),
    average=st.sampled_from(["query", "class"]),
    unanswerable=st.sampled_from(["leave out", "zero"]),
    where=st.sampled_from(["own", "apart", "inside"]),
    more=st.sampled_from([MORE, MORE[:1], MORE[2:]]),
    data=st.data(),
)
@settings(deadline=None, max_examples=30)
def test_equal_the_loop(n, classes, seed, average, unanswerable, where, more, data, slow_retrieval, with_any_sizes):
    generator = np.random.default_rng(seed)
    x, y = generator.integers(-3, 4, (n, 3)) + 0.5, generator.integers(classes, size=n)
    how, theirs = {}, {}
    if where != "own":
        how = {"gallery": generator.integers(-3, 4, (n + 9, 3)) + 0.5, "gallery_labels": np.resize(y, n + 9)}
        theirs = dict(how)
    if where == "inside":
        place = np.where(generator.random(n) < 0.7, np.arange(n), -1)
        how["leave_out"], theirs["excluded"] = place, place.tolist()
    expected = slow_retrieval(x, y, ks=KS, metric="euclidean", average=average, unanswerable=unanswerable, **theirs)
    found = with_any_sizes(
        data,
        lambda: retrieval(
            x, y, ks=KS, metric="euclidean", more=more, average=average, unanswerable=unanswerable, **how
        ),
    )
    assert set(more) < set(found)
    for name, value in found.items():
        assert value == pytest.approx(expected.get(name, np.nan), abs=1e-9, nan_ok=True), name


def test_by_hand():
    """Ranks of the items of its class: 1, 3 and 6 of 6."""
    x, labels = torch.arange(7.0)[:, None], [1, 1, 0, 1, 0, 0, 1]
    more = ["mrr", "precision@3", "map", "map@3", "map@3/found", "map@3/relevant", "map@2"]
    found = retrieval(x[:1], labels[:1], gallery=x[1:], gallery_labels=labels[1:], more=more, metric="euclidean")
    assert found["mrr"] == 1
    assert found["precision@3"] == pytest.approx(2 / 3)
    assert found["map"] == pytest.approx((1 + 2 / 3 + 3 / 6) / 3)
    assert found["map@3"] == found["map@3/relevant"] == pytest.approx((1 + 2 / 3) / 3)
    assert found["map@3/found"] == pytest.approx((1 + 2 / 3) / 2)
    assert found["map@2"] == pytest.approx(1 / 2)


@pytest.mark.parametrize("name", ["recall", "map@0", "precision", "precision@3/found", "mrr@3", "map@-1", "map@x"])
def test_unknown_names_are_refused(name):
    with pytest.raises(ValueError, match=f"unknown metric '{name}'; there are mrr, precision@K"):
        parse_measures(["mrr", name])


def test_a_query_does_not_find_itself_by_id():
    x, y = torch.randn(30, 4, generator=torch.Generator().manual_seed(0)), np.arange(30) % 3
    names = np.array([f"{i}.jpg" for i in range(30)])
    order = np.random.default_rng(0).permutation(30)
    found = retrieval(
        x, y, gallery=x[order], gallery_labels=y[order], leave_out=positions(names, names[order]), more=["map"]
    )
    assert found == pytest.approx(retrieval(x, y, more=["map"]))


@pytest.mark.parametrize(
    ("leave_out", "said"),
    [
        ([0, 1], r"for each of 3 queries, not torch.int64 of the shape \(2,\)"),
        ([0, 1, 3], "positions from 0 to 2, or -1 .* there is 3"),
        ([-2, 1, 2], "there is -2"),
        ([1, -1, 2], "differ for 1 queries, the first is query 0"),
    ],
)
def test_positions_that_cannot_be_are_refused(leave_out, said):
    x = torch.eye(3)
    with pytest.raises(ValueError, match=said):
        retrieval(x, [0, 1, 1], gallery=x, gallery_labels=[0, 1, 1], leave_out=leave_out)
