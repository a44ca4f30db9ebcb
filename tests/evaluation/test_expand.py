"""Expansion by neighbours against a loop over images in float64, and the choice among expansions."""

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from gnn_dml.evaluation.expand import CLOSED, DEFAULT_GRID, ExpansionOptions, choose_expansion, expand
from gnn_dml.evaluation.neighbour_sums import unit_rows
from gnn_dml.evaluation.score import score_embedding


def randn(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def clusters(n=120, classes=8, spread=1.2, dim=8, seed=0):
    labels = torch.arange(n) % classes
    return randn(classes, dim, seed=seed)[labels] + spread * randn(n, dim, seed=seed + 1), labels


def slow(x, k, temperature, weight, query=None):
    x = [row / row.norm() for row in x.double()]
    out = []
    for i, row in enumerate(x):
        others = [j for j in range(len(x)) if j != i and (query is None or not query[j])]
        near = sorted(others, key=lambda j: (-float(row @ x[j]), j))[:k]
        shares = [math.exp(float(row @ x[j]) / temperature) for j in near]
        total = row.clone()
        for share, j in zip(shares, near, strict=True):
            total += weight * share / sum(shares) * x[j]
        out.append(total / total.norm())
    return torch.stack(out)


@pytest.mark.parametrize(("k", "temperature", "weight"), [(1, 0.1, 1.0), (4, 0.05, 0.5), (8, 0.3, 2.0), (3, 10.0, 0.0)])
@pytest.mark.parametrize("apart", [False, True])
def test_equals_the_loop(k, temperature, weight, apart):
    x = randn(40, 6)
    query = torch.arange(40) % 3 == 0 if apart else None
    found = expand(x, neighbours=k, temperature=temperature, weight=weight, query=query)
    assert found.dtype == torch.float32
    expected = slow(x, k, temperature, weight, query)
    torch.testing.assert_close(found.double(), expected, atol=2e-6, rtol=0)


@pytest.mark.parametrize("n", [1, 2, 5])
def test_fewer_images_than_neighbours(n):
    x = randn(n, 4)
    found = expand(x, neighbours=8, temperature=0.1, weight=1.0)
    torch.testing.assert_close(found.double(), slow(x, 8, 0.1, 1.0), atol=1e-6, rtol=0)


def test_without_a_gallery_nothing_moves():
    found = expand(torch.eye(3), neighbours=2, temperature=0.1, weight=1.0, query=torch.ones(3).bool())
    assert torch.equal(found, torch.eye(3))


@given(st.integers(2, 20), st.integers(0, 99), st.integers(1, 5))
def test_the_order_of_the_images_does_not_matter(n, seed, k):
    x = randn(n, 4, seed=seed)
    order = torch.randperm(n, generator=torch.Generator().manual_seed(seed))
    one, other = (expand(some, neighbours=k, temperature=0.2, weight=1.5) for some in (x, x[order]))
    torch.testing.assert_close(one[order], other, atol=1e-5, rtol=0)


@given(st.integers(0, 99))
def test_queries_join_nobody(seed):
    x, query = randn(20, 4, seed=seed), torch.arange(20) % 4 == 0
    mixed = torch.where(query[:, None], randn(20, 4, seed=seed + 1), x)
    mixed[0] = x[0]
    options = {"neighbours": 3, "temperature": 0.1, "weight": 1.0, "query": query}
    one, two = expand(x, **options), expand(mixed, **options)
    same = ~query
    same[0] = True
    torch.testing.assert_close(one[same], two[same], atol=1e-6, rtol=0)


@given(st.integers(1, 20), st.integers(0, 99), st.floats(1e-3, 1e3))
def test_closed_gives_the_embedding_back(n, seed, scale):
    x = unit_rows(randn(n, 4, seed=seed))
    found = expand(scale * x, neighbours=3, temperature=0.1, weight=0.0)
    torch.testing.assert_close(found, x, atol=2e-7, rtol=0)


def test_duplicates_take_the_lower_index():
    x = torch.tensor([[1.0, 0.0], [0.6, 0.8], [0.6, 0.8], [0.6, -0.8]])
    found = expand(x, neighbours=1, temperature=0.1, weight=1.0)
    torch.testing.assert_close(found[0], unit_rows(torch.tensor([[1.6, 0.8]]))[0])
    torch.testing.assert_close(found[1:3], x[1:3])


def test_opposites_keep_their_own_direction():
    x = torch.tensor([[1.0, 0.0], [-1.0, 0.0]])
    assert torch.equal(expand(x, neighbours=1, temperature=0.1, weight=1.0), x)


def test_the_choice_is_the_best_of_its_table():
    x, labels = clusters()
    choice = choose_expansion(x, labels, by="recall@2")
    assert [options for options, _ in choice.table] == list(DEFAULT_GRID)
    assert choice.score == max(score for _, score in choice.table) > dict(choice.table)[CLOSED]
    for options, score in choice.table[::7]:
        moved = expand(x, neighbours=options.neighbours, temperature=options.temperature, weight=options.weight)
        assert score == score_embedding(moved, labels, ks=(2,))["recall@2"], options


def test_the_choice_with_a_gallery_apart():
    x, labels = clusters()
    query = torch.arange(120) < 50
    options = ExpansionOptions(4, 0.1, 1.0)
    choice = choose_expansion(x, labels, query, grid=[options])
    moved = expand(x, neighbours=4, temperature=0.1, weight=1.0, query=query)
    assert choice.score == score_embedding(moved, labels, query)["map@r"]


def test_ties_go_to_the_weaker_expansion():
    x, labels = torch.eye(4).repeat_interleave(3, 0), torch.arange(12) // 3
    grid = [ExpansionOptions(2, 0.1, 2.0), ExpansionOptions(2, 0.1, 0.5), ExpansionOptions(1, 0.1, 0.5)]
    assert choose_expansion(x, labels, grid=grid).options == grid[2]
    assert choose_expansion(x, labels, grid=grid[:2]).options == grid[1]
    assert choose_expansion(x, labels).options == CLOSED


def test_neighbours_are_found_once(monkeypatch):
    from gnn_dml.evaluation import neighbour_sums

    calls, real = [], neighbour_sums.nearest_neighbours
    monkeypatch.setattr(neighbour_sums, "nearest_neighbours", lambda *a, **k: calls.append(a[1]) or real(*a, **k))
    choose_expansion(*clusters())
    assert calls == [8]


def test_the_grid():
    assert len(set(DEFAULT_GRID)) == len(DEFAULT_GRID) == 31
    assert DEFAULT_GRID[0] == CLOSED
    assert str(CLOSED) == "closed"
    assert str(ExpansionOptions(1, 0.1, 0.5)) == "1 neighbour, temperature 0.1, weight 0.5"


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ((0, 0.1, 1.0), "neighbours must be at least 1, not 0"),
        ((1, 0.0, 1.0), "temperature must be above 0 and finite, not 0"),
        ((1, 0.1, -1.0), "weight must be at least 0 and finite, not -1"),
        ((1, math.nan, 1.0), "temperature must be above 0 and finite, not nan"),
        ((1, 0.1, math.inf), "weight must be at least 0 and finite, not inf"),
    ],
)
def test_wrong_values_are_named(options, said):
    with pytest.raises(ValueError, match=said):
        ExpansionOptions(*options)
    with pytest.raises(ValueError, match=said):
        expand(torch.eye(2), neighbours=options[0], temperature=options[1], weight=options[2])


def test_what_cannot_be_chosen_is_said():
    x = torch.eye(3)
    with pytest.raises(ValueError, match="the grid is empty"):
        choose_expansion(x, torch.arange(3), grid=[])
    with pytest.raises(ValueError, match="no image has another of its class"):
        choose_expansion(x, torch.arange(3))
    for by in ("nmi", "recall@", "recall@0", "recall@x"):
        with pytest.raises(ValueError, match="by must be map@r, r_precision or recall@K"):
            choose_expansion(x, torch.zeros(3).long(), by=by)


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        ([[1.0, 0], [0, 0], [0, 0]], "2 of 3 features are all zero and have no direction; the first is row 1"),
        ([[1.0, 0], [0, 1], [math.nan, 0]], "1 of 3 features hold NaN or infinity; the first is row 2"),
        ([[-math.inf, 0], [0, 1], [0, 0]], "1 of 3 features hold NaN or infinity; the first is row 0"),
    ],
)
def test_rows_without_direction_are_named(rows, said):
    with pytest.raises(ValueError, match=said):
        expand(torch.tensor(rows), neighbours=1, temperature=0.1, weight=0.0)


def test_a_vector_is_no_matrix():
    with pytest.raises(ValueError, match=r"features must have the shape \(n, d\), not \(3,\)"):
        expand(torch.ones(3), neighbours=1, temperature=0.1, weight=1.0)
