import pytest
import torch

from gnn_dml.graphs import KNN, MutualKNN


@pytest.mark.parametrize("k", [1, 2, 5, 8])
@pytest.mark.parametrize("loop", [True, False])
def test_both_are_among_the_nearest_of_the_other(k, loop):
    """For each pair, rank the others of either and look whether each finds the other among its first k."""
    x = torch.randn(9, 5, generator=torch.Generator().manual_seed(k), dtype=torch.float64)
    unit = torch.nn.functional.normalize(x, dim=1)
    near = [
        [j for _, j in sorted((-float(unit[i] @ unit[j]), j) for j in range(9) if j != i)][:k] for i in range(len(x))
    ]
    adjacency = MutualKNN(k, loop=loop).adjacency(x)
    for i in range(9):
        for j in range(9):
            assert adjacency[i, j] == (loop if i == j else j in near[i] and i in near[j])


def test_hand_placed_points():
    """Two close directions hear each other; the third is near to nobody; all are near where k takes everyone in."""
    x = torch.tensor([[1.0, 0.0], [0.9, 0.1], [0.0, 1.0]])
    assert MutualKNN(1, loop=False).adjacency(x).int().tolist() == [[0, 1, 0], [1, 0, 0], [0, 0, 0]]
    assert MutualKNN(2).adjacency(x).all()


def test_it_is_a_part_of_knn():
    x = torch.randn(20, 4, generator=torch.Generator().manual_seed(0))
    directed = KNN(4).adjacency(x)
    mutual = MutualKNN(4).adjacency(x)
    assert not (mutual & ~directed).any()
    assert mutual.sum() < directed.sum()


def test_duplicates_go_to_the_lower_index():
    """Everyone's nearest two are among the first three, so only these find each other."""
    adjacency = MutualKNN(2, loop=False).adjacency(torch.ones(5, 3))
    assert [row.nonzero().squeeze(1).tolist() for row in adjacency] == [[1, 2], [0, 2], [0, 1], [], []]
