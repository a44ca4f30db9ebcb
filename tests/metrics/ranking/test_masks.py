import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from gnn_dml.metrics.ranking.masks import count_true, empty_mask, where_true


@given(rows=st.integers(0, 40), columns=st.integers(1, 40), seed=st.integers(0, 999), share=st.floats(0, 1))
@settings(deadline=None, max_examples=50)
def test_counts_and_places(rows, columns, seed, share):
    truth = torch.rand(rows, columns, generator=torch.Generator().manual_seed(seed)) < share
    mask = empty_mask(rows, columns, torch.device("cpu"))
    mask.copy_(truth)
    for dim in (0, 1):
        assert count_true(mask, dim).tolist() == truth.sum(dim).tolist()
    found = where_true(mask)
    assert [part.tolist() for part in found] == [part.tolist() for part in truth.nonzero(as_tuple=True)]


@pytest.mark.parametrize("shape", [(300, 17), (9, 5000), (2048, 2048)])
def test_no_carry_goes_from_one_count_into_the_next(shape):
    """More than 255 true entries in a row or a column, all of them true."""
    mask = empty_mask(*shape, torch.device("cpu"))
    mask.fill_(True)
    assert count_true(mask, 0).eq(shape[0]).all()
    assert count_true(mask, 1).eq(shape[1]).all()
