"""All figures of one embedding: the metrics under their own names, for all against all and for queries and gallery."""

import pytest
import torch

from gnn_dml.data.images import ImageSplit
from gnn_dml.evaluation.embed import Embeddings
from gnn_dml.evaluation.score import score, score_by_class, score_embedding
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


@pytest.mark.parametrize("with_gallery", [False, True])
def test_classes_weighted_by_their_queries_give_the_figures(with_gallery):
    """A class of one image, which no query of its own can answer, has no figure."""
    x = torch.randn(23, 5, generator=torch.Generator().manual_seed(3))
    labels = torch.cat([torch.arange(20) % 3, torch.tensor([3, 4, 4])])
    query = torch.arange(23) % 2 == 0 if with_gallery else None
    split = ImageSplit(torch.zeros(23, 3, 2, 2), labels, tuple("abcde"), tuple(map(str, range(23))), query)
    means, classes = score_by_class(Embeddings(x, x.flip(1)), split, ks=(1, 2), cluster_seed=0)
    assert means == score(Embeddings(x, x.flip(1)), split, ks=(1, 2), cluster_seed=0)
    slow = [[] for _ in range(5)]
    for i in range(23):
        others = [j for j in range(23) if j != i and (query is None or not query[j])]
        if (query is None or query[i]) and any(labels[j] == labels[i] for j in others):
            best = max(others, key=lambda j: float(torch.cosine_similarity(x[i], x[j], dim=0)))
            slow[int(labels[i])].append(int(labels[best] == labels[i]))
    assert classes["queries"].tolist() == [len(one) for one in slow]
    expected = [sum(one) / len(one) if one else float("nan") for one in slow]
    assert classes["backbone_recall@1"].tolist() == pytest.approx(expected, nan_ok=True)
    asked = classes["queries"] > 0
    for name in ("backbone_recall@1", "refined_map@r", "refined_r_precision"):
        total = (classes[name] * classes["queries"])[asked].sum() / classes["queries"].sum()
        assert float(total) == pytest.approx(means[name])
