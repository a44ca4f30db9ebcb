"""Scores of pairs against exact arithmetic."""

from decimal import Decimal, localcontext
from fractions import Fraction

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from gnn_dml.metrics.ranking import exact
from gnn_dml.metrics.ranking.exact import ExactScores


def fractions(row):
    return [Fraction(value) for value in row.tolist()]


def true_score(q, g, metric):
    """To 60 digits."""
    q, g = fractions(q), fractions(g)
    if metric == "euclidean":
        found = -sum((a - b) ** 2 for a, b in zip(q, g, strict=True))
        return Decimal(found.numerator) / Decimal(found.denominator)
    dot, squares = (sum(a * b for a, b in zip(q, g, strict=True)), sum(a * a for a in q) * sum(b * b for b in g))
    if squares == 0:
        return Decimal(-1)
    root = (Decimal(squares.numerator) / Decimal(squares.denominator)).sqrt()
    return Decimal(dot.numerator) / Decimal(dot.denominator) / root - 1


def pairs(n):
    return torch.cartesian_prod(torch.arange(n), torch.arange(n)).T


@given(
    seed=st.integers(0, 999),
    dim=st.integers(1, 40),
    noise=st.sampled_from([1.0, 1e-4, 1e-7]),
    dtype=st.sampled_from([torch.float32, torch.float64]),
    metric=st.sampled_from(["cosine", "euclidean"]),
)
@settings(deadline=None, max_examples=40)
def test_scores_to_the_last_place(seed, dim, noise, dtype, metric):
    generator = torch.Generator().manual_seed(seed)
    middle = torch.randn(1, dim, generator=generator, dtype=torch.float64)
    x = (middle + noise * torch.randn(4, dim, generator=generator, dtype=torch.float64)).to(dtype)
    scores = ExactScores(x, x, metric)
    query, item = pairs(4)
    found, (near, error) = scores.exact(query, item), scores.approximate(query, item)
    with localcontext() as context:
        context.prec = 60
        for i, (q, g) in enumerate(zip(query, item, strict=True)):
            true = true_score(x[q], x[g], metric)
            # Differences and squares are rounded for Euclidean distances; cosines are to 2^-90 at the finest.
            assert abs(Decimal(found[i].item()) - true) <= abs(true) * Decimal(2) ** -51 + Decimal(2) ** -90
            assert abs(Decimal(near[i].item()) - true) <= Decimal(error[i].item())


@given(seed=st.integers(0, 999), dim=st.integers(1, 12), metric=st.sampled_from(["cosine", "euclidean"]))
@settings(deadline=None, max_examples=40)
def test_whole_numbers_tie_where_fractions_do(seed, dim, metric):
    x = torch.randint(-2, 3, (12, dim), generator=torch.Generator().manual_seed(seed)).float()
    query, item = pairs(12)
    found = ExactScores(x, x, metric).exact(query, item).view(12, 12)
    for i in range(12):
        keys = []
        for j in range(12):
            q, g = fractions(x[i]), fractions(x[j])
            dot, norm = sum(a * b for a, b in zip(q, g, strict=True)), sum(b * b for b in g)
            cosine = dot * abs(dot) / norm if norm else Fraction(0)
            keys.append(cosine if metric == "cosine" else -sum((a - b) ** 2 for a, b in zip(q, g, strict=True)))
        order = sorted(set(keys))
        ranks = torch.unique(found[i], return_inverse=True)[1].tolist()
        assert ranks == [order.index(key) for key in keys]


@pytest.mark.parametrize("metric", ["cosine", "euclidean"])
def test_many_pairs_of_copies_are_scored_once_and_alike(metric, monkeypatch):
    x = torch.randn(6, 5)[torch.randint(6, (60,))]
    query, item = pairs(60)
    one_by_one = ExactScores(x, x, metric).exact(query, item)
    monkeypatch.setattr(exact, "FEW", 10)
    assert ExactScores(x, x, metric).exact(query, item).equal(one_by_one)


@pytest.mark.parametrize("power", [-1000, -700, 600, 1000])
@pytest.mark.parametrize("metric", ["cosine", "euclidean"])
def test_extreme_sizes_of_float64_are_scaled_and_the_input_is_left_alone(power, metric):
    x = torch.randn(5, 7, dtype=torch.float64)
    scaled = torch.ldexp(x, torch.tensor(power))
    before, (query, item) = scaled.clone(), pairs(5)
    found, expected = (ExactScores(one, one, metric).exact(query, item) for one in (scaled, x))
    assert scaled.equal(before)
    ranks = [torch.unique(one, return_inverse=True)[1] for one in (found, expected)]
    assert ranks[0].equal(ranks[1])


def test_before_agrees_with_the_scores():
    x = torch.randint(-1, 2, (30, 4)).float()
    scores = ExactScores(x, x, "cosine")
    query, other, item = torch.randint(30, (3, 2000))
    theirs, ours = scores.exact(query, other), scores.exact(query, item)
    assert scores.before(query, other, item).equal((theirs > ours) | ((theirs == ours) & (other < item)))
