"""Unit rows, cosines with chosen items, and sums over them, against plain loops."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from gnn_dml.evaluation import neighbour_sums
from gnn_dml.evaluation.neighbour_sums import add_neighbours, cosines, nearest_and_cosines, unit_rows


def randn(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def test_unit_rows_are_float32_of_length_one_and_leave_the_input_alone():
    x = 1e-12 * randn(50, 7).double().requires_grad_()
    before = x.detach().clone()
    found = unit_rows(x)
    assert found.dtype == torch.float32
    assert not found.requires_grad
    assert torch.equal(x, before)
    torch.testing.assert_close(found.norm(dim=1), torch.ones(50))
    assert unit_rows(torch.empty(0, 7)).shape == (0, 7)


@given(st.integers(1, 9), st.integers(1, 9), st.integers(0, 4), st.integers(0, 99))
def test_sums_equal_a_loop(q, g, k, seed):
    base, items = unit_rows(randn(q, 5, seed=seed)), unit_rows(randn(g, 5, seed=seed + 1))
    generator = torch.Generator().manual_seed(seed)
    index = torch.randint(g, (q, k), generator=generator)
    weight = torch.rand(q, k, generator=generator)
    found = add_neighbours(base, items, index, weight)
    for i in range(q):
        total = base[i].double() + sum(float(w) * items[j].double() for w, j in zip(weight[i], index[i], strict=True))
        torch.testing.assert_close(found[i].double(), total / total.norm(), atol=1e-6, rtol=0)


def test_what_is_added_to_stays_as_it_is():
    x = unit_rows(randn(6, 3))
    before = x.clone()
    for index in (torch.zeros(6, 2).long(), torch.zeros(6, 0).long()):
        add_neighbours(x, x, index, torch.ones(index.shape)).zero_()
        assert torch.equal(x, before)


@pytest.mark.parametrize("entries", [1, 20, 2**20])
def test_cosines_equal_the_matrix(monkeypatch, entries):
    monkeypatch.setattr(neighbour_sums, "ENTRIES", entries)
    queries, items = unit_rows(randn(11, 4)), unit_rows(randn(7, 4, seed=1))
    index = torch.randint(7, (11, 3), generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(cosines(queries, items, index), (queries @ items.T).gather(1, index))
    assert cosines(queries[:0], items, index[:0]).shape == (0, 3)
    assert cosines(queries, items, index[:, :0]).shape == (11, 0)


def test_neighbours_are_as_many_as_there_are():
    x = unit_rows(randn(5, 4))
    assert nearest_and_cosines(x, 9, None)[0].shape == (5, 4)
    assert nearest_and_cosines(x, 9, torch.tensor([1, 1, 0, 0, 0]).bool())[1].shape == (5, 2)
    assert nearest_and_cosines(x, 9, torch.ones(5).bool())[0].shape == (5, 0)
