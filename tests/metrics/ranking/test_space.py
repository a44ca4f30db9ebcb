"""Scores: the bound on what float32 gets wrong, and the grid on which equal ones are equal."""

from fractions import Fraction

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from gnn_dml.metrics.ranking.space import GRID, make_space


def true_score(query, item, metric):
    """In exact arithmetic."""
    product = sum(Fraction(a) * Fraction(b) for a, b in zip(query.tolist(), item.tolist(), strict=True))
    return product - (sum(Fraction(b) ** 2 for b in item.tolist()) / 2 if metric == "euclidean" else 0)


@given(
    dim=st.integers(1, 40),
    seed=st.integers(0, 999),
    length=st.floats(1e-3, 1e3),
    metric=st.sampled_from(["cosine", "euclidean"]),
)
@settings(deadline=None, max_examples=40)
def test_float32_is_within_the_margin_and_no_score_beyond_the_scale(dim, seed, length, metric):
    generator = torch.Generator().manual_seed(seed)
    x, g = (length * torch.randn(6, dim, generator=generator) for _ in range(2))
    space = make_space(x, g, metric, own=False)
    products = space.blocks(slice(0, 6), slice(0, 6))
    if space.half is not None:
        products = products - space.half.float()
    exact = space.exact(*torch.cartesian_prod(torch.arange(6), torch.arange(6)).T).view(6, 6)
    assert exact.equal(space.rows(torch.arange(6)))
    for i in range(6):
        for j in range(6):
            true = true_score(space.queries[i], space.items[j], metric)
            assert abs(Fraction(products[i, j].item()) - true) <= space.margin
            assert abs(true) <= space.scale
            assert (
                abs(Fraction(exact[i, j].item()) * Fraction(GRID) * Fraction(space.scale) - true) < GRID * space.scale
            )


def test_the_margin_is_small():
    x = torch.randn(100, 512, generator=torch.Generator().manual_seed(0))
    assert make_space(x, x, "cosine", own=True).margin < 4e-5


@pytest.mark.parametrize("factor", [2.0, 3.0, 1e-20, 1e20])
def test_length_does_not_matter_to_cosine(factor):
    x = torch.randn(20, 5, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    assert make_space(x, x, "cosine", own=True).queries.equal(make_space(x * factor, x, "cosine", own=False).queries)


def test_zero_has_the_cosine_zero():
    space = make_space(torch.zeros(1, 3), torch.eye(3), "cosine", own=False)
    assert space.rows(torch.tensor([0])).tolist() == [[0, 0, 0]]
