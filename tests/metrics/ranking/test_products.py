"""Products that are kept: which, and that they are the products."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from gnn_dml.metrics.ranking import products as module
from gnn_dml.metrics.ranking import space as spaces
from gnn_dml.metrics.ranking.products import Products, multiply_with_itself


@given(n=st.integers(1, 70), fit=st.integers(0, 40), seed=st.integers(0, 99))
@settings(deadline=None, max_examples=40)
def test_near_blocks_are_kept_as_far_as_they_fit(n, fit, seed):
    x = torch.randn(n, 5, generator=torch.Generator().manual_seed(seed))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(spaces, "BLOCK", 16)
        patch.setattr(module, "KEPT", fit * 8 * 8 * 4)
        patch.setattr(module, "SMALL", 2)
        space = spaces.make_space(x, x, "cosine", own=True)
        products = Products(space)
        blocks = -(-n // 8)
        near = {
            (8 * a, 8 * b)
            for a in range(blocks)
            for b in range(a, blocks)
            if min(b - a, blocks - b + a) <= products.reach
        }
        assert set(products.pairs) == near
        assert len(near) <= max(fit, blocks)
        met = {start: {b for pair in near for a, b in (pair, pair[::-1]) if a == start} for start, _ in near}
        assert {len(others) for others in met.values()} == {products.blocks}
        made = {pair: products.make(*pair) for pair in products.pairs}
        memory = torch.full((64,), torch.nan)
        for a in range(0, n, 8):
            for b in range(a, n, 8):
                expected = space.queries[a : a + 8].double() @ space.queries[b : b + 8].double().T
                for found in (products.take(a, b, memory), made.get((a, b), expected)):
                    assert torch.allclose(found.double(), expected, atol=1e-6)


@pytest.mark.parametrize("n", [1, 2, 5, 64, 301])
def test_a_half_turned_over_is_the_other_half(n):
    x = torch.randn(n, 7, generator=torch.Generator().manual_seed(n))
    out = torch.full((n, n), torch.nan)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "SMALL", 3)
        multiply_with_itself(x, out)
    half = -(-n // 2)
    if half >= 3:
        assert torch.equal(out[half:, :half], out[:half, half:].T)
    assert torch.allclose(out, x @ x.T, atol=1e-5)
