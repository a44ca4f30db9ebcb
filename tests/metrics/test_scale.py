"""Powers of two change no digit: everything here is compared to the bit."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from gnn_dml.metrics.scale import FAR, directions, normalize_rows, scale_far_rows, scale_rows

ROWS = st.lists(st.lists(st.floats(-4, 4, width=32), min_size=3, max_size=3), min_size=1, max_size=6)


@given(rows=ROWS, power=st.integers(-900, 900))
def test_a_direction_does_not_depend_on_the_unit(rows, power):
    x = torch.tensor(rows, dtype=torch.float64)
    x = torch.where(x.abs() < 1e-30, 0.0, x)
    moved = torch.from_numpy(np.ldexp(x.numpy(), power))
    assert torch.equal(directions(moved), directions(x))
    assert torch.equal(scale_rows(moved), scale_rows(x))
    assert torch.equal(normalize_rows(moved), normalize_rows(x))


@given(rows=ROWS)
def test_a_row_of_ordinary_size_has_the_digits_that_torch_gives(rows):
    x = torch.tensor(rows)
    x = torch.where(x.abs() < 1e-6, 0.0, x)
    assert torch.equal(directions(x), torch.nn.functional.normalize(x, dim=1))


@pytest.mark.parametrize("value", [5e-324, 2.5e-310, 1e-200, 1.0, 1.5, 1e200, 1.7e308])
def test_the_largest_entry_comes_into_its_binade(value):
    x = torch.tensor([[value, 0.0, -value]], dtype=torch.float64)
    expected = math.frexp(value)[0]
    assert scale_rows(x).tolist() == [[expected, 0.0, -expected]]


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32, torch.int32, torch.bool])
def test_any_kind_of_number_has_directions(dtype):
    x = torch.tensor([[3, 4], [0, 0], [0, 1]]).to(dtype)
    found = directions(x)
    assert found.dtype == torch.float32
    lengths = found.norm(dim=1).tolist()
    assert lengths == pytest.approx([1, 0, 1])


def test_rows_without_a_direction_stay():
    x = torch.tensor([[0.0, 0.0], [math.nan, 1.0], [math.inf, 1.0]])
    assert torch.equal(scale_rows(x).nan_to_num(7), x.nan_to_num(7))
    assert scale_rows(torch.empty(0, 3)).shape == (0, 3)
    assert scale_rows(torch.empty(3, 0)).shape == (3, 0)


def test_only_far_rows_are_copied():
    x = torch.tensor([[1e60], [1e-60], [0.0]], dtype=torch.float64)
    assert scale_far_rows(x) is x
    assert scale_far_rows(x.float()).dtype == torch.float32
    far = torch.tensor([[4 * FAR], [1.0]], dtype=torch.float64)
    assert scale_far_rows(far).tolist() == [[0.5], [0.5]]
