"""Labels and embeddings of all kinds are the same; what is none is said."""

import math

import numpy as np
import pandas as pd
import pytest
import torch

from gnn_dml.metrics import clustering, diagnostics, retrieval
from gnn_dml.metrics.inputs import as_classes, as_matrix

NAMES = ["cat", "dog", "cat", "owl"]


@pytest.mark.parametrize(
    "labels",
    [
        NAMES,
        tuple(NAMES),
        np.array(NAMES),
        np.array(NAMES, dtype=object),
        pd.Series(NAMES, index=[9, 8, 7, 6]),
        pd.Series(NAMES, dtype="category"),
        pd.Categorical(NAMES),
        pd.Index(NAMES),
    ],
)
def test_text_is_numbered(labels):
    assert as_classes("embeddings", labels)[0].tolist() == [0, 1, 0, 2]
    assert [part.tolist() for part in as_classes("embeddings", labels, ["owl", "ant"])] == [[1, 2, 1, 3], [3, 0]]


@pytest.mark.parametrize(
    "labels",
    [
        [3, 1, 3],
        [3.0, 1.0, 3.0],
        np.array([3, 1, 3], dtype=np.uint8),
        np.array([3, 1, 3], dtype=np.uint16),
        np.array([3, 1, 3], dtype=object),
        pd.Series([3, 1, 3]),
        pd.Series([3, 1, 3], dtype="category"),
        pd.Series([3, 1, 3], dtype="Int64"),
        torch.tensor([3, 1, 3], dtype=torch.int32),
        torch.tensor([3.0, 1.0, 3.0], dtype=torch.float16),
    ],
)
def test_numbers_stay(labels):
    assert as_classes("embeddings", labels)[0].tolist() == [3, 1, 3]


@pytest.mark.parametrize(
    ("labels", "said"),
    [
        (["a", None], "1 of 2 labels of the embeddings are missing"),
        (pd.Series(["a", np.nan, "b"], dtype="category"), "1 of 3 labels .* missing"),
        ([1.5, 1.0], "1 of 2 labels .* no whole numbers; the first is that of row 0: 1.5"),
        ([float("nan"), 1.0], "no whole numbers"),
        (pd.DataFrame({"y": [1]}), r"a DataFrame: give one of its columns"),
        (np.array(["2020-01-01"], dtype="datetime64[D]"), "whole numbers or text, not datetime64"),
    ],
)
def test_labels_that_are_none(labels, said):
    with pytest.raises(ValueError, match=said):
        as_classes("embeddings", labels)


def test_text_and_numbers_do_not_mix():
    with pytest.raises(ValueError, match="numbers in one place and text in another"):
        as_classes("gallery", ["1"], [1])
    with pytest.raises(ValueError, match="numbers in one place and text in another"):
        as_classes("gallery", np.array(["a", 1], dtype=object))


@pytest.mark.parametrize(
    ("values", "said"),
    [
        (pd.DataFrame({"a": [1.0]}), r"embeddings are a DataFrame of pandas.* frame\[columns\].to_numpy\(\)"),
        ([], r"embeddings are empty: .* the shape is \(0,\)"),
        ([[1.0], [1.0, 2.0]], "rows of equal length"),
        ([["a"]], "must be numbers"),
        (np.ones((2, 2), dtype=complex), "not complex"),
    ],
)
def test_embeddings_that_are_none(values, said):
    with pytest.raises(ValueError, match=said):
        as_matrix("embeddings", values)


def test_every_metric_takes_them():
    x, y = torch.randn(12, 3, generator=torch.Generator().manual_seed(0)), ["a", "b", "c"] * 4
    number = np.arange(12) % 3
    assert retrieval(x.tolist(), y) == retrieval(x, number)
    assert clustering(x.tolist(), pd.Series(y), seed=0) == clustering(x, number, seed=0)
    assert diagnostics(x.tolist(), y) == diagnostics(x, number)
    byte = (x * 50).clamp(0, 255).to(torch.uint8)
    assert retrieval(byte, y) == retrieval(byte.double(), y)
    assert retrieval(x[:4], y[:4], gallery=x[4:], gallery_labels=y[4:])["unmatched"] == 0


def test_truth_values_are_numbers():
    assert as_classes("embeddings", np.array([True, False]))[0].tolist() == [1, 0]


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf, 0.5, 1e30])
@pytest.mark.parametrize("metric", [retrieval, diagnostics, lambda x, y: clustering(x, y, seed=0)])
def test_what_is_no_whole_number_is_refused_by_every_metric(bad, metric):
    labels = torch.tensor([0, 1, bad, bad], dtype=torch.float64)
    with pytest.raises(ValueError, match=r"2 of 4 labels of the embeddings are no whole numbers; .* row 2: "):
        metric(torch.eye(4), labels)


@pytest.mark.parametrize(
    ("labels", "message"),
    [(np.array([None, 1], dtype=object), "are missing"), (torch.tensor([1j, 0]), "not complex ones")],
)
def test_what_is_no_label_is_refused(labels, message):
    with pytest.raises(ValueError, match=message):
        as_classes("embeddings", labels)


@pytest.mark.parametrize(
    ("embeddings", "message"),
    [(np.array([[None, 1.0]], dtype=object), "must be numbers"), (torch.ones(1, 2) * 1j, "must be real numbers")],
)
def test_embeddings_are_real_numbers(embeddings, message):
    with pytest.raises(ValueError, match=message):
        retrieval(embeddings, torch.zeros(1))
