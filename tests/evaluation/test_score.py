"""All figures of one embedding: the metrics under their own names, for all against all and for queries and gallery."""

import pytest
import torch

from gnn_dml.evaluation.score import score_embedding
from gnn_dml.metrics import clustering, retrieval

X = torch.randn(20, 4, generator=torch.Generator().manual_seed(0))
LABELS = torch.arange(20) % 3


def test_all_against_all():
    found = score_embedding(X, LABELS, ks=(1, 3), metric="euclidean")
    assert found == retrieval(X, LABELS, ks=(1, 3), metric="euclidean")
    assert found != score_embedding(X, LABELS, ks=(1, 3))


def test_queries_are_looked_up_in_the_gallery_and_all_are_clustered():
    query = torch.arange(20) < 7
    found = score_embedding(X, LABELS, query, ks=(1,), cluster_seed=2, restarts=3)
    apart = retrieval(X[:7], LABELS[:7], gallery=X[7:], gallery_labels=LABELS[7:], ks=(1,))
    assert found == {**apart, **clustering(X, LABELS, seed=2, restarts=3)}


def test_what_is_not_finite_is_refused():
    with pytest.raises(ValueError, match="1 of 20 embeddings hold NaN or infinity; the first is row 5"):
        score_embedding(X.index_fill(0, torch.tensor([5]), torch.nan), LABELS)
