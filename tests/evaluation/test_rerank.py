"""Re-ranking against the formulas of the paper in plain sets and whole matrices."""

import math
import sys

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from gnn_dml.evaluation.rerank import rerank
from gnn_dml.metrics import retrieval
from gnn_dml.metrics.score_chunks import retrieval_by_scores


def clusters(n, dim=8, centres=6, spread=0.7, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(centres, dim, generator=generator)[torch.arange(n) % centres] + spread * torch.randn(
        n, dim, generator=generator
    )


def dots(x):
    unit = torch.nn.functional.normalize(x.double(), dim=1).float().double()
    return (unit @ unit.T).tolist()


class Slow:
    """Items among themselves, and queries each alone with them.

    Args:
        x: Embeddings.
        items: Positions of the items.
        k1: As in the paper.
        k2: Likewise.
    """

    def __init__(self, x, items, k1, k2):
        self.cosine, self.items, self.k1, self.k2 = dots(x), items, k1, k2
        self.vectors = {i: self.vector(i, self.reciprocal(i, k1)) for i in items}

    def order(self, i):
        return sorted(self.items, key=lambda j: (j != i, -self.cosine[i][j], j))

    def reciprocal(self, i, k):
        return {j for j in self.order(i)[: k + 1] if i in self.order(j)[: k + 1]}

    def distance(self, i, j):
        squared = [2 - 2 * self.cosine[i][k] for k in self.items]
        return (2 - 2 * self.cosine[i][j]) / max(squared)

    def vector(self, i, own):
        union = set(own)
        for candidate in own:
            theirs = self.reciprocal(candidate, round(self.k1 / 2))
            if len(theirs & own) > 2 / 3 * len(theirs):
                union |= theirs
        weights = {j: math.exp(-self.distance(i, j)) for j in union}
        return {j: weight / sum(weights.values()) for j, weight in weights.items()}

    def of_query(self, i):
        own = set()
        for j in self.order(i)[: self.k1]:
            nearer = [k for k in self.items if k != j and self.cosine[j][k] > self.cosine[i][j]]
            own |= {j} if len(nearer) < self.k1 else set()
        return self.vector(i, own)

    def mean(self, vectors):
        keys = {j for vector in vectors for j in vector}
        return {j: sum(vector.get(j, 0) for vector in vectors) / len(vectors) for j in keys}

    def score(self, i, original):
        near = self.order(i)
        if i in self.vectors:
            ours = self.mean([self.vectors[j] for j in near[: self.k2]])
        else:
            ours = self.mean([self.of_query(i), *(self.vectors[j] for j in near[: self.k2 - 1])])
        out = []
        for j in self.items:
            theirs = self.mean([self.vectors[k] for k in self.order(j)[: self.k2]])
            keys = set(ours) | set(theirs)
            low = sum(min(ours.get(k, 0), theirs.get(k, 0)) for k in keys)
            high = sum(max(ours.get(k, 0), theirs.get(k, 0)) for k in keys)
            out.append(-((1 - original) * (1 - low / high) + original * self.distance(i, j)))
        return out


SETTINGS = [(20, 6), (6, 3), (5, 1), (3, 7), (1, 1), (1, 2)]


def close(found, expected):
    torch.testing.assert_close(torch.cat(list(found)).double(), torch.tensor(expected).double(), atol=2e-5, rtol=0)


@pytest.mark.parametrize(("k1", "k2"), SETTINGS)
@pytest.mark.parametrize("n", [2, 5, 50])
def test_equals_the_formulas(n, k1, k2):
    x = clusters(n)
    slow = Slow(x, list(range(n)), k1, k2)
    close(rerank(x, k1=k1, k2=k2), [slow.score(i, 0.3) for i in range(n)])


@pytest.mark.parametrize(("k1", "k2"), SETTINGS)
def test_queries_each_alone_with_the_gallery(k1, k2):
    x = clusters(48, seed=3)
    query = torch.arange(48) % 3 == 1
    slow = Slow(x, (~query).nonzero().squeeze(1).tolist(), k1, k2)
    expected = [slow.score(i, 0.4) for i in query.nonzero().squeeze(1).tolist()]
    close(rerank(x, k1=k1, k2=k2, original=0.4, query=query), expected)


def test_small_chunks_change_nothing(monkeypatch):
    x = clusters(60)
    whole = torch.cat(list(rerank(x)))
    module = sys.modules["gnn_dml.evaluation.rerank"]
    monkeypatch.setattr(module, "ENTRIES", 300)
    monkeypatch.setattr(module, "PAIRS", 50)
    monkeypatch.setattr("gnn_dml.evaluation.reciprocal_encoding.ENTRIES", 300)
    parts = list(rerank(x))
    assert len(parts) == 12
    torch.testing.assert_close(torch.cat(parts), whole, atol=1e-6, rtol=0)


def test_the_original_distance_alone_is_the_ranking():
    x, labels = clusters(120, spread=1.5), torch.arange(120) % 6
    assert retrieval_by_scores(rerank(x, original=1.0), labels) == pytest.approx(retrieval(x, labels), abs=1e-12)


def test_it_helps_where_classes_are_clusters():
    x, labels = clusters(300, dim=16, centres=10, spread=1.6), torch.arange(300) % 10
    assert retrieval_by_scores(rerank(x), labels)["map@r"] > retrieval(x, labels)["map@r"] + 0.05


@given(st.integers(0, 999), st.integers(2, 30))
def test_the_order_of_the_images_does_not_matter(seed, n):
    x = clusters(n, seed=seed)
    order = torch.randperm(n, generator=torch.Generator().manual_seed(seed))
    whole, mixed = (torch.cat(list(rerank(some, k1=4, k2=3))) for some in (x, x[order]))
    torch.testing.assert_close(mixed, whole[order][:, order], atol=1e-5, rtol=0)


@given(st.integers(0, 999))
def test_other_queries_do_not_matter(seed):
    x = clusters(30, seed=seed)
    query = torch.rand(30, generator=torch.Generator().manual_seed(seed)) < 0.4
    query[:2] = torch.tensor([True, False])
    kept = ~query
    kept[0] = True
    alone = torch.cat(list(rerank(x[kept], k1=4, k2=3, query=query[kept])))
    together = torch.cat(list(rerank(x, k1=4, k2=3, query=query)))
    torch.testing.assert_close(alone[0], together[0], atol=1e-5, rtol=0)


@pytest.mark.parametrize("n", [1, 2, 3])
def test_few_images_and_duplicates(n):
    scores = torch.cat(list(rerank(torch.ones(n, 4))))
    assert scores.shape == (n, n)
    assert torch.isfinite(scores).all()


@pytest.mark.parametrize("gallery", [0, 1, 2])
def test_a_small_gallery(gallery):
    query = torch.arange(5) >= gallery
    scores = torch.cat(list(rerank(clusters(5), query=query)))
    assert scores.shape == (5 - gallery, gallery)
    assert torch.isfinite(scores).all()


@pytest.mark.parametrize(
    ("options", "said"),
    [({"k1": 0}, "k1 must be at least 1, not 0"), ({"k2": 0}, "k2 must"), ({"original": 1.5}, r"in \[0, 1\], not 1.5")],
)
def test_wrong_values_are_named(options, said):
    with pytest.raises(ValueError, match=said):
        rerank(torch.eye(3), **options)


def test_rows_without_direction_are_named_at_the_call():
    with pytest.raises(ValueError, match="1 of 3 features are all zero and have no direction; the first is row 2"):
        rerank(torch.tensor([[1.0, 0], [0, 1], [0, 0]]))
    with pytest.raises(ValueError, match="hold NaN or infinity; the first is row 1"):
        rerank(torch.tensor([[1.0, 0], [0, math.nan], [0, 0]]))
