"""Products of matrices: the bound on what they get wrong, and when float32 is not enough."""

import pytest
import torch
from hypothesis import example, given, settings
from hypothesis import strategies as st

from gnn_dml.metrics.ranking import space as module
from gnn_dml.metrics.ranking.space import make_space


def differences(scores):
    return scores[:, :, None] - scores[:, None, :]


@given(
    dim=st.integers(1, 40),
    seed=st.integers(0, 999),
    length=st.floats(1e-3, 1e3),
    offset=st.sampled_from([0.0, 1.0, 1e3]),
    metric=st.sampled_from(["cosine", "euclidean"]),
    resolution=st.sampled_from([0.0, 2.0**-6, 1e9]),
)
@example(dim=1, seed=219, length=1.0, offset=0.0, metric="euclidean", resolution=0.0)
@settings(deadline=None, max_examples=30)
def test_products_are_within_the_margin(dim, seed, length, offset, metric, resolution):
    """Differences of the scores of a query, against its true ones in exact arithmetic."""
    generator = torch.Generator().manual_seed(seed)
    x, g = (length * (offset + torch.randn(6, dim, generator=generator)) for _ in range(2))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "RESOLUTION", resolution)
        space = make_space(x, g, metric, own=False)
    assert (space.half is not None) or metric == "cosine"
    found = space.scores(slice(0, 6), slice(0, 6)).double()
    exact = space.exact(*torch.cartesian_prod(torch.arange(6), torch.arange(6)).T).view(6, 6)
    scale = space.prepared.scale
    # Scores stand for cos, or for half of the negative square of a distance.
    true = exact if space.half is None else exact * scale**2 * (1.0 if metric == "cosine" else 0.5)
    bound = space.margin[:, None, None] * 2
    # Of far rows the products promise nothing; `rows`, which is for them, does.
    promised = ~space.far_query[:, None, None] & ~space.far_item[None, :, None] & ~space.far_item[None, None]
    wrong = differences(found - true).abs() > bound + 1e-12 * scale**2 * true.abs().max()
    assert not (wrong & promised).any()
    rows, error = space.rows(torch.arange(6))
    bound = error[:, :, None] + error[:, None, :]
    assert (differences(rows - true).abs() <= bound).all()


def test_the_margin_is_small_and_float32_is_enough_where_rows_spread():
    x = torch.randn(100, 512, generator=torch.Generator().manual_seed(0))
    space = make_space(x, x, "cosine", own=True)
    assert float(space.margin.max()) < 4e-5
    assert space.half is None
    assert space.queries.dtype == torch.float32


@pytest.mark.parametrize("factor", [1.0, 1e5, 1e12])
@pytest.mark.parametrize("metric", ["cosine", "euclidean"])
def test_a_row_far_away_takes_nothing_from_the_others(factor, metric):
    x = torch.randn(200, 16, generator=torch.Generator().manual_seed(0)).double()
    x[7] *= factor
    space = make_space(x, x, metric, own=True)
    assert float(space.margin[torch.arange(200) != 7].max()) < 1e-2
    if metric == "euclidean":
        assert space.far_item.tolist() == [factor > 1 and i == 7 for i in range(200)]


@pytest.mark.parametrize("offset", [1e2, 1e6])
def test_an_offset_is_taken_off(offset):
    x = torch.randn(200, 16, generator=torch.Generator().manual_seed(0)).double() + offset
    space = make_space(x, x, "euclidean", own=True)
    assert space.queries.dtype == torch.float32
    assert float(space.queries.norm(dim=1).max()) < 4


@pytest.mark.parametrize("factor", [2.0, 3.0, 1e-20, 1e20, 1e-300, 1e300])
def test_length_does_not_matter_to_cosine(factor):
    x = torch.randn(20, 5, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    found = make_space(x * factor, x, "cosine", own=False)
    torch.testing.assert_close(found.queries, make_space(x, x, "cosine", own=True).queries, rtol=1e-6, atol=1e-7)


def test_zero_has_the_cosine_zero():
    space = make_space(torch.zeros(1, 3), torch.eye(3), "cosine", own=False)
    assert space.exact(torch.zeros(3).long(), torch.arange(3)).tolist() == [-1, -1, -1]
    assert len(space.rows(torch.tensor([0]))[0].unique()) == 1


@pytest.mark.parametrize("metric", ["cosine", "euclidean"])
def test_products_written_over_old_ones_are_the_same(metric, monkeypatch):
    space = make_space(torch.randn(7, 4), torch.randn(11, 4), metric, own=False)
    monkeypatch.setattr("gnn_dml.metrics.ranking.space.BLOCK", 3)
    memory = torch.full((60,), torch.nan)
    for rows, columns in ((slice(0, 5), slice(None)), (slice(5, 9), slice(2, 10))):
        torch.testing.assert_close(space.scores(rows, columns, memory), space.scores(rows, columns))
        torch.testing.assert_close(space.blocks(rows, columns, memory), space.blocks(rows, columns))
