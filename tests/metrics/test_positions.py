import pytest

from gnn_dml.metrics import positions


def test_numbers_and_text():
    assert positions([7, 5, 9], [5, 6, 7]).tolist() == [2, 0, -1]
    assert positions(["a"], []).tolist() == [-1]


def test_an_id_is_of_one_item():
    with pytest.raises(ValueError, match="have one id: those at the positions 0 and 2"):
        positions(["a"], ["a", "b", "a"])
