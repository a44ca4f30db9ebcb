import pytest
import torch

from gnn_dml.graphs import KNN


def slow_knn(x, k):
    """For each target: sort the others by falling cosine, then by index, and take k."""
    x = torch.nn.functional.normalize(x, dim=1)
    neighbours = []
    for i in range(len(x)):
        others = sorted((-float(x[i] @ x[j]), j) for j in range(len(x)) if j != i)
        neighbours.append({j for _, j in others[:k]})
    return neighbours


@pytest.mark.parametrize("k", [1, 2, 5, 8])
@pytest.mark.parametrize("loop", [True, False])
def test_neighbours_are_the_k_most_similar_others(k, loop):
    x = torch.randn(9, 5, generator=torch.Generator().manual_seed(k)).double()
    adjacency = KNN(k, loop=loop).adjacency(x)
    for i, expected in enumerate(slow_knn(x, k)):
        assert set(adjacency[i].nonzero().squeeze(1).tolist()) == expected | ({i} if loop else set())


def test_hand_placed_points():
    """Three directions close together and one opposite: the rows are targets, the columns sources."""
    x = torch.tensor([[1.0, 0.0], [0.9, 0.1], [0.7, 0.3], [-1.0, 0.0]])
    adjacency = KNN(1, loop=False).adjacency(x)
    assert adjacency.int().tolist() == [[0, 1, 0, 0], [1, 0, 0, 0], [0, 1, 0, 0], [0, 0, 1, 0]]


def test_length_of_a_vector_does_not_matter():
    x = torch.randn(8, 3)
    assert torch.equal(KNN(3).adjacency(x), KNN(3).adjacency(x * torch.rand(8, 1).add(0.5)))


def test_duplicates_go_to_the_lower_index_and_never_to_oneself():
    adjacency = KNN(2, loop=False).adjacency(torch.ones(5, 3))
    assert [row.nonzero().squeeze(1).tolist() for row in adjacency] == [[1, 2], [0, 2], [0, 1], [0, 1], [0, 1]]


def test_too_few_nodes_are_an_error_that_says_how_many_exist():
    with pytest.raises(ValueError, match=r"k=4 .* 4 nodes; at most 3"):
        KNN(4).adjacency(torch.randn(4, 2))


def test_k_below_one_is_refused():
    with pytest.raises(ValueError, match="at least 1, not 0"):
        KNN(0)
