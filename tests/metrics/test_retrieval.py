"""Retrieval metrics against a loop over queries and against pytorch-metric-learning."""

import math
import sys

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from gnn_dml.metrics import retrieval


def slow(x, y, gallery=None, gallery_labels=None, ks=(1, 2, 4)):
    """Rank everything for one query at a time; ties by index; unanswerable queries left out."""
    own = gallery is None
    items, item_labels = (x, y) if own else (gallery, gallery_labels)
    sums, answered = {}, 0
    for i in range(len(x)):
        ranked = sorted(
            (-float(np.float32(a @ b)), j)
            for j, (a, b) in enumerate((x[i], item) for item in items)
            if not (own and i == j)
        )
        hits = [int(item_labels[j]) == int(y[i]) for _, j in ranked]
        r = sum(hits)
        if r == 0:
            continue
        answered += 1
        scores = {f"recall@{k}": float(any(hits[:k])) for k in ks}
        scores["r_precision"] = sum(hits[:r]) / r
        scores["map@r"] = sum(sum(hits[: n + 1]) / (n + 1) for n in range(r) if hits[n]) / r
        sums = {name: sums.get(name, 0.0) + value for name, value in scores.items()}
    means = {name: value / answered for name, value in sums.items()} if answered else {}
    return {**means, "unmatched": len(x) - answered}


def points(n, classes, seed, tied):
    """Unit vectors whose products are exact in float32; tied ones come from few directions."""
    generator = torch.Generator().manual_seed(seed)
    if tied:
        x = torch.eye(4)[torch.randint(4, (n,), generator=generator)]
    else:
        x = torch.nn.functional.normalize(torch.randn(n, 6, generator=generator), dim=1)
    return x, torch.randint(classes, (n,), generator=generator)


def check(found, expected):
    assert found["unmatched"] == expected["unmatched"]
    for name, value in expected.items():
        assert found[name] == pytest.approx(value, abs=1e-6), name


@given(n=st.integers(2, 25), classes=st.integers(1, 8), seed=st.integers(0, 999), tied=st.booleans())
@settings(deadline=None, max_examples=80)
def test_all_against_all(n, classes, seed, tied):
    x, y = points(n, classes, seed, tied)
    expected = slow(x, y)
    found = retrieval(x, y, ks=(1, 2, 4))
    if expected["unmatched"] == n:
        assert math.isnan(found["recall@1"])
    check(found, expected)


@given(n=st.integers(1, 15), m=st.integers(1, 20), seed=st.integers(0, 999), tied=st.booleans())
@settings(deadline=None, max_examples=60)
def test_query_against_gallery(n, m, seed, tied):
    (x, y), (gallery, gallery_labels) = points(n, 4, seed, tied), points(m, 4, seed + 1, tied)
    found = retrieval(x, y, gallery=gallery, gallery_labels=gallery_labels, ks=(1, 2, 4))
    check(found, slow(x, y, gallery, gallery_labels))


def test_blocks_change_nothing(monkeypatch):
    x, y = points(40, 5, 3, tied=True)
    whole = retrieval(x, y)
    monkeypatch.setattr(sys.modules[retrieval.__module__], "BLOCK_ENTRIES", 7 * 40)
    assert retrieval(x, y) == whole


@pytest.mark.parametrize("seed", range(3))
def test_agrees_with_pytorch_metric_learning(seed):
    from pytorch_metric_learning.distances import CosineSimilarity
    from pytorch_metric_learning.utils.accuracy_calculator import AccuracyCalculator
    from pytorch_metric_learning.utils.inference import CustomKNN

    generator = torch.Generator().manual_seed(seed)
    y = torch.arange(12).repeat_interleave(5)
    x = torch.nn.functional.one_hot(y).float() + torch.randn(60, 12, generator=generator) * 0.7
    peer = AccuracyCalculator(
        include=("precision_at_1", "r_precision", "mean_average_precision_at_r"),
        k="max_bin_count",
        device=torch.device("cpu"),
        knn_func=CustomKNN(CosineSimilarity()),
    ).get_accuracy(x, y)
    ours = retrieval(x, y)
    assert ours["recall@1"] == pytest.approx(peer["precision_at_1"], abs=1e-6)
    assert ours["r_precision"] == pytest.approx(peer["r_precision"], abs=1e-6)
    assert ours["map@r"] == pytest.approx(peer["mean_average_precision_at_r"], abs=1e-6)


def test_hand_placed_example():
    """On a line of directions: a a b b, each nearest to its neighbour, the inner two confused."""
    angles = torch.tensor([0.0, 1.0, 1.5, 2.5])
    x = torch.stack([angles.cos(), angles.sin()], dim=1)
    found = retrieval(x, torch.tensor([0, 0, 1, 1]), ks=(1, 2))
    assert found["recall@1"] == pytest.approx(0.5)
    assert found["recall@2"] == pytest.approx(1.0)
    assert found["map@r"] == found["r_precision"] == pytest.approx(0.5)


def test_numpy_and_torch_are_the_same():
    x, y = points(20, 4, 5, tied=False)
    assert retrieval(x.numpy(), y.numpy()) == retrieval(x, y)


def test_nan_is_an_error_that_counts_and_locates():
    x, y = points(6, 2, 0, tied=False)
    x[2, 1], x[4, 0] = float("nan"), float("inf")
    with pytest.raises(ValueError, match=r"2 of 6 embeddings .* first is row 2"):
        retrieval(x, y)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"labels": torch.zeros(3)}, r"\(4, 2\) and \(3,\)"),
        ({"ks": (1, 0)}, "at least 1, and 0"),
        ({"gallery": torch.ones(2, 2)}, "go together"),
        ({"gallery": torch.ones(2, 3), "gallery_labels": torch.zeros(2)}, "2 channels and the gallery has 3"),
    ],
)
def test_wrong_arguments_are_named(arguments, message):
    with pytest.raises(ValueError, match=message):
        retrieval(**{"embeddings": torch.ones(4, 2), "labels": torch.zeros(4), **arguments})
