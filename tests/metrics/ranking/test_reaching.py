import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from gnn_dml.metrics.ranking.reaching import Reaching, order_numbers, search_sorted, sort_numbers


@given(rows=st.integers(1, 20), columns=st.integers(1, 20), seed=st.integers(0, 999), dim=st.sampled_from([0, 1]))
@settings(deadline=None, max_examples=30)
def test_entries_that_reach_their_bound(rows, columns, seed, dim):
    generator = torch.Generator().manual_seed(seed)
    reaching = Reaching(20, 20, torch.device("cpu"))
    for height, width in ((20, 20), (rows, columns)):  # what a larger matrix left in the mask does not count
        values = torch.randint(-3, 4, (height, width), generator=generator).float()
        bound = torch.randint(-3, 4, (values.size(dim),), generator=generator).float()
        classes = [torch.randint(3, (size,), generator=generator) for size in (height, width)]
        found = reaching(values, bound, *classes, dim=dim)
        expected = (values >= (bound[:, None] if dim == 0 else bound)) & (classes[0][:, None] != classes[1])
        assert [part.tolist() for part in found[:2]] == [part.tolist() for part in expected.nonzero(as_tuple=True)]
        assert found[2].tolist() == values[expected].tolist()


@pytest.mark.parametrize("dtype", [torch.float32, torch.int64])
def test_sorted_and_searched(dtype):
    values = torch.randint(9, (5, 30)).to(dtype)
    assert sort_numbers(values).equal(values.sort().values)
    line = sort_numbers(values[0])
    assert search_sorted(line, values[1]).tolist() == [sum(v < w for v in line) for w in values[1]]


def test_numbers_in_rising_order():
    values = torch.randint(2**60, (60,))
    assert values[order_numbers(values)].tolist() == sorted(values.tolist())
    assert order_numbers(values[:0]).tolist() == []
