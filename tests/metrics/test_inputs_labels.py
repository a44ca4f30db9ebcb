import math

import numpy as np
import pytest
import torch

from gnn_dml.metrics import clustering, diagnostics, retrieval
from gnn_dml.metrics.inputs import as_classes


@pytest.mark.parametrize(
    "labels",
    [
        [3, 1, 1],
        [3.0, 1.0, 1.0],
        np.array([3, 1, 1], dtype=np.uint8),
        torch.tensor([3.0, 1.0, 1.0], dtype=torch.float16),
    ],
)
def test_whole_numbers_of_any_kind(labels):
    assert as_classes("embeddings", labels)[0].tolist() == [3, 1, 1]
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
