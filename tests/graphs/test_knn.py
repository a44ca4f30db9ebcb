import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch_geometric.data import Data, HeteroData

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


@given(
    n=st.integers(3, 14),
    kinds=st.integers(1, 4),
    dim=st.sampled_from([3, 17, 128, 300]),
    seed=st.integers(0, 10_000),
    dtype=st.sampled_from([torch.float32, torch.float64, torch.bfloat16]),
)
@settings(deadline=None, max_examples=50)
def test_equal_rows_tie_to_the_bit(n, kinds, dim, seed, dtype):
    """Their cosines are taken once for each pair of kinds, so that equal rows cannot differ."""
    generator = torch.Generator().manual_seed(seed)
    rows = torch.randn(kinds, dim, generator=generator).to(dtype)
    kind = torch.randint(kinds, (n,), generator=generator).tolist()
    k = n // 2
    unit = torch.nn.functional.normalize(rows.double(), dim=1)
    cosine = [[float(a @ b) for b in unit] for a in unit]
    adjacency = KNN(k, loop=False).adjacency(rows[kind])
    for i in range(n):
        others = sorted((-cosine[kind[i]][kind[j]], j) for j in range(n) if j != i)
        assert adjacency[i].nonzero().squeeze(1).tolist() == sorted(j for _, j in others[:k])
    assert torch.equal(KNN(k, loop=False).adjacency(rows[kind].expand(3, n, dim)), adjacency.expand(3, n, n))


@given(seed=st.integers(0, 1000), dim=st.integers(2, 40))
@settings(deadline=None, max_examples=30)
def test_rows_of_the_same_numbers_in_another_order_are_as_near_to_equal_channels(seed, dim):
    generator = torch.Generator().manual_seed(seed)
    row = torch.rand(dim, generator=generator)
    x = torch.stack([row[torch.randperm(dim, generator=generator)] for _ in range(9)] + [torch.full((dim,), 0.7)])
    assert KNN(3, loop=False).adjacency(x)[-1].nonzero().squeeze(1).tolist() == [0, 1, 2]


def test_nodes_that_are_no_numbers_are_nobodys_neighbours():
    x = torch.tensor([[1.0, 0.0], [float("nan"), 0.0], [0.0, 1.0], [0.0, 0.0]])
    assert KNN(2, loop=False).adjacency(x).int().tolist() == [[0, 0, 1, 1], [0, 0, 0, 0], [1, 0, 0, 1], [1, 0, 1, 0]]


def test_a_graph_without_features_or_of_several_kinds_is_refused_in_a_sentence():
    with pytest.raises(ValueError, match=r"^KNN\(k=2, loop=True\) builds its edges from .* data.x is None$"):
        KNN(2)(Data(pos=torch.randn(5, 3)))
    with pytest.raises(ValueError, match=r"^KNN.* takes a graph with one kind of nodes, .* HeteroData$"):
        KNN(2)(HeteroData(images={"x": torch.randn(5, 3)}))
