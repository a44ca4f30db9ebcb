"""Diffusion against the matrix inverted, one image at a time."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from gnn_dml.evaluation.diffusion import DiffusionOptions, diffuse
from gnn_dml.metrics import retrieval
from gnn_dml.metrics.score_chunks import retrieval_by_scores


def clusters(n, dim=8, centres=6, spread=0.7, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(centres, dim, generator=generator)[torch.arange(n) % centres] + spread * torch.randn(
        n, dim, generator=generator
    )


def slow(x, options, query=None):
    """Scores of every query as lists."""
    unit = torch.nn.functional.normalize(x.double(), dim=1)
    cosine = (unit @ unit.T).tolist()
    items = [i for i in range(len(x)) if query is None or not query[i]]
    asked = [i for i in range(len(x)) if query is None or query[i]]

    def near(i, k):
        return sorted((j for j in items if j != i), key=lambda j: (-cosine[i][j], j))[:k]

    affinity = np.zeros((len(items), len(items)))
    for a, i in enumerate(items):
        for b, j in enumerate(items):
            if j in near(i, options.neighbours) and i in near(j, options.neighbours):
                affinity[a, b] = max(0, cosine[i][j]) ** options.gamma
    degree = affinity.sum(axis=1)
    for a in range(len(items)):
        for b in range(len(items)):
            affinity[a, b] /= math.sqrt(degree[a] * degree[b]) or 1
    out = []
    for i in asked:
        y = np.zeros(len(items))
        if query is None:
            y[items.index(i)] = 1
        else:
            for j in near(i, options.query_neighbours):
                y[items.index(j)] = max(0, cosine[i][j]) ** options.gamma
            y /= np.linalg.norm(y) or 1
        kept = list(range(len(items)))
        if options.nearest is not None:
            first = sorted(kept, key=lambda b: (-cosine[i][items[b]], b))[: options.nearest]
            kept = sorted(first)
        f = np.linalg.solve(np.eye(len(kept)) - options.alpha * affinity[np.ix_(kept, kept)], y[kept])
        row = [min(0, cosine[i][j] - 1) for j in items]
        for b, value in zip(kept, f, strict=True):
            row[b] = value if value > options.tolerance else row[b]
        out.append(row)
    return out


def exact(**options):
    return DiffusionOptions(iterations=500, tolerance=1e-9, **options)


def close(found, expected):
    torch.testing.assert_close(torch.cat(list(found)).double(), torch.tensor(expected).double(), atol=1e-5, rtol=1e-4)


CASES = [
    exact(nearest=None, neighbours=5),
    exact(nearest=None, neighbours=3, alpha=0.5, gamma=1.0, query_neighbours=2),
    exact(nearest=10, neighbours=4),
    exact(nearest=100),
    exact(nearest=1, neighbours=1),
    exact(nearest=7, alpha=0.0),
]


@pytest.mark.parametrize("options", CASES)
@pytest.mark.parametrize("n", [1, 2, 40])
def test_equals_the_inverted_matrix(n, options):
    x = clusters(n)
    close(diffuse(x, options), slow(x, options))


@pytest.mark.parametrize("options", CASES)
def test_queries_enter_at_their_neighbours_in_the_gallery(options):
    x = clusters(45, seed=2)
    query = torch.arange(45) % 4 == 0
    close(diffuse(x, options, query=query), slow(x, options, query))


@pytest.mark.parametrize("nearest", [None, 12])
def test_small_chunks_change_nothing(monkeypatch, nearest):
    x = clusters(60)
    options = DiffusionOptions(neighbours=6, nearest=nearest)
    whole = torch.cat(list(diffuse(x, options)))
    monkeypatch.setattr("gnn_dml.evaluation.diffusion.ENTRIES", 300)
    parts = list(diffuse(x, options))
    assert len(parts) == 12
    torch.testing.assert_close(torch.cat(parts), whole, atol=1e-6, rtol=1e-5)


def test_it_helps_where_classes_are_curves():
    generator = torch.Generator().manual_seed(0)
    ends = torch.nn.functional.normalize(torch.randn(2, 10, 16, generator=generator), dim=2)
    labels, angle = torch.arange(400) % 10, 3 * torch.rand(400, 1, generator=generator)
    x = angle.cos() * ends[0, labels] + angle.sin() * ends[1, labels] + 0.02 * torch.randn(400, 16, generator=generator)
    found = retrieval_by_scores(diffuse(x, DiffusionOptions(neighbours=8)), labels)
    assert found["map@r"] > retrieval(x, labels)["map@r"] + 0.2


@given(st.integers(0, 999), st.integers(2, 30), st.sampled_from([None, 6]))
def test_the_order_of_the_images_does_not_matter(seed, n, nearest):
    x = clusters(n, seed=seed)
    order = torch.randperm(n, generator=torch.Generator().manual_seed(seed))
    options = exact(neighbours=4, alpha=0.9, nearest=nearest)
    whole, mixed = (torch.cat(list(diffuse(some, options))) for some in (x, x[order]))
    torch.testing.assert_close(mixed, whole[order][:, order], atol=1e-5, rtol=1e-4)


@given(st.integers(0, 999), st.sampled_from([None, 6]))
def test_other_queries_do_not_matter(seed, nearest):
    x = clusters(30, seed=seed)
    query = torch.rand(30, generator=torch.Generator().manual_seed(seed)) < 0.4
    query[:2] = torch.tensor([True, False])
    kept = ~query
    kept[0] = True
    options = DiffusionOptions(neighbours=4, nearest=nearest)
    alone = torch.cat(list(diffuse(x[kept], options, query=query[kept])))
    together = torch.cat(list(diffuse(x, options, query=query)))
    torch.testing.assert_close(alone[0], together[0], atol=1e-5, rtol=1e-4)


def test_duplicates_and_opposites():
    for x in (torch.ones(6, 3), torch.tensor([[1.0, 0], [-1, 0], [0, 1], [0, -1]])):
        scores = torch.cat(list(diffuse(x)))
        assert torch.isfinite(scores).all()
        assert (scores.diagonal() > 0.99).all()


def test_more_duplicates_than_the_part_holds():
    scores = torch.cat(list(diffuse(torch.ones(30, 3), DiffusionOptions(neighbours=4, nearest=5))))
    assert (scores.diagonal() >= 1).all()


@pytest.mark.parametrize("gallery", [0, 1, 2])
def test_a_small_gallery(gallery):
    scores = torch.cat(list(diffuse(clusters(5), query=torch.arange(5) >= gallery)))
    assert scores.shape == (5 - gallery, gallery)
    assert torch.isfinite(scores).all()


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"neighbours": 0}, "neighbours must be at least 1, not 0"),
        ({"nearest": 0}, "nearest must be at least 1, not 0"),
        ({"alpha": 1.0}, r"alpha must be in \[0, 1\), not 1.0"),
        ({"gamma": 0.0}, "gamma must be above 0"),
        ({"tolerance": math.inf}, "tolerance must be above 0 and finite, not inf"),
    ],
)
def test_wrong_values_are_named(options, said):
    with pytest.raises(ValueError, match=said):
        DiffusionOptions(**options)


def test_rows_without_direction_are_named_at_the_call():
    with pytest.raises(ValueError, match="are all zero and have no direction; the first is row 2"):
        diffuse(torch.tensor([[1.0, 0], [0, 1], [0, 0]]))
