import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from gnn_dml.metrics.ranking.reaching import Reaching, search_sorted, sort_numbers, stable_order


@given(rows=st.integers(1, 20), columns=st.integers(1, 20), seed=st.integers(0, 999), dim=st.sampled_from([0, 1]))
@settings(deadline=None, max_examples=60)
def test_entries_that_reach_their_bound(rows, columns, seed, dim):
    generator = torch.Generator().manual_seed(seed)
    reaching = Reaching(20, 20, torch.device("cpu"))
    for height, width in ((20, 20), (rows, columns)):  # what a larger matrix left in the mask does not count
        values = torch.randint(-3, 4, (height, width), generator=generator).float()
        bound = torch.randint(-3, 4, (values.size(dim),), generator=generator).float()
        found = reaching(values, bound, dim=dim)
        expected = values >= (bound[:, None] if dim == 0 else bound)
        assert [part.tolist() for part in found] == [part.tolist() for part in expected.nonzero(as_tuple=True)]


@pytest.mark.parametrize("dtype", [torch.float32, torch.int64])
def test_sorted_and_searched(dtype):
    values = torch.randint(9, (5, 30)).to(dtype)
    assert sort_numbers(values).equal(values.sort().values)
    line = sort_numbers(values[0])
    assert search_sorted(line, values[1]).tolist() == [sum(v < w for v in line) for w in values[1]]


@pytest.mark.parametrize("below", [9, 2**16, 2**16 + 1])
def test_equal_numbers_stay_as_they_stand(below):
    values = torch.cat([torch.randint(below, (60,)), torch.randint(3, (40,)), torch.tensor([below - 1])])
    assert stable_order(values, below).tolist() == sorted(range(101), key=lambda place: int(values[place]))
    assert stable_order(values[:0], below).tolist() == []
