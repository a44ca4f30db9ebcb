"""What the sets of re-ranking are, where they can be said without formulas; the formulas are in `test_rerank.py`."""

import numpy as np
import pytest
import torch

from gnn_dml.evaluation.neighbour_sums import unit_rows
from gnn_dml.evaluation.reciprocal_encoding import Gallery, distance


def pairs(n):
    """Two images in each of n directions."""
    return unit_rows(torch.eye(n).repeat_interleave(2, 0) + 0.01 * torch.eye(2 * n)[:, :n])


def test_an_image_and_its_twin_are_one_set():
    sets = Gallery(pairs(5), k1=1, k2=1).encoded.sets.toarray()
    assert ((sets > 0) == np.kron(np.eye(5), np.ones((2, 2)))).all()
    np.testing.assert_allclose(sets.sum(axis=1), 1, atol=1e-6)


def test_a_query_from_outside_joins_its_direction():
    gallery = Gallery(pairs(5), k1=2, k2=1)
    sets = gallery.encode(unit_rows(torch.eye(5)[[3]])).sets.toarray()
    assert sets[0].nonzero()[0].tolist() == [6, 7]
    assert sets.dtype == np.float32


def test_a_query_that_no_item_finds_near_has_an_empty_set():
    crowd = unit_rows(torch.tensor([[1.0, 0.0], [1.0, 0.001], [1.0, -0.001]]))
    sets = Gallery(crowd, k1=1, k2=1).encode(unit_rows(torch.tensor([[0.0, 1.0]]))).sets
    assert sets.nnz == 0


@pytest.mark.parametrize("k1", [1, 4, 20])
def test_rows_hold_no_more_than_lists_allow(k1):
    x = unit_rows(torch.randn(200, 4, generator=torch.Generator().manual_seed(0)))
    sets = Gallery(x, k1, k2=1).encoded.sets
    assert sets.dtype == np.float32
    assert np.diff(sets.indptr).max() <= (k1 + 1) * (round(k1 / 2) + 1)


def test_the_farthest_item_has_the_distance_one():
    x = unit_rows(torch.randn(30, 4, generator=torch.Generator().manual_seed(0)))
    far = distance(x @ x.T, Gallery(x, 3, 1).encoded.farthest[:, None])
    torch.testing.assert_close(far.amax(dim=1), torch.ones(30))
    assert Gallery(x[:1], 3, 1).encoded.farthest.tolist() == [1.0]


def test_a_query_that_ties_with_the_last_neighbour_is_reciprocal():
    x = unit_rows(torch.randn(1, 33, generator=torch.Generator().manual_seed(0)).repeat(6, 1))
    sets = Gallery(x, k1=2, k2=1).encode(x[:2]).sets
    assert np.diff(sets.indptr).tolist() == [2, 2]
