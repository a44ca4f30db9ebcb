import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn.functional import cosine_similarity

from gnn_dml.graphs import EDGE_FEATURES, KNN, MutualKNN, edge_features


def nodes(n, seed, dim=5):
    return torch.randn(n, dim, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def slowly(x, k):
    """Pair by pair: cosine, one over the place in the sorted list of others, and whether both are in the first k."""
    n = len(x)
    cosine = [[float(cosine_similarity(x[i], x[j], dim=0)) for j in range(n)] for i in range(n)]
    order = [sorted((j for j in range(n) if j != i), key=lambda j, i=i: -cosine[i][j]) for i in range(n)]
    found = torch.ones(n, n, 3, dtype=x.dtype)
    for i in range(n):
        for j in set(range(n)) - {i}:
            both = j in order[i][:k] and i in order[j][:k]
            found[i, j] = torch.tensor([cosine[i][j], 1 / (1 + order[i].index(j)), float(both)])
    return found


@given(n=st.integers(1, 8), seed=st.integers(0, 1000), k=st.integers(1, 9))
@settings(deadline=None, max_examples=15)
def test_features_are_what_they_are_called(n, seed, k):
    x = nodes(n, seed)
    expected = slowly(x, k)
    torch.testing.assert_close(edge_features(x, EDGE_FEATURES, mutual_k=k), expected)
    torch.testing.assert_close(edge_features(x, ["mutual", "similarity"], mutual_k=k), expected[..., [2, 0]])


def test_ranks_and_mutual_neighbours_are_those_of_the_topologies():
    """Also among duplicates, where ties go to the lower index."""
    x = torch.cat([nodes(4, 0), nodes(4, 0), nodes(3, 1)])
    rank, mutual = edge_features(x, ["rank", "mutual"], mutual_k=3).unbind(-1)
    others = ~torch.eye(len(x), dtype=torch.bool)
    assert torch.equal((rank >= 1 / 3) & others, KNN(3, loop=False).adjacency(x))
    assert torch.equal(mutual.bool() & others, MutualKNN(3, loop=False).adjacency(x))


@given(seed=st.integers(0, 1000), turned=st.permutations(range(6)))
@settings(deadline=None, max_examples=10)
def test_another_order_of_nodes_is_another_order_of_features(seed, turned):
    x = nodes(6, seed)
    found = edge_features(x[turned], EDGE_FEATURES)
    torch.testing.assert_close(found, edge_features(x, EDGE_FEATURES)[turned][:, turned])


def test_graphs_of_a_batch_are_apart_and_no_gradient_flows():
    x = torch.stack([nodes(6, 0), nodes(6, 1)]).requires_grad_()
    found = edge_features(x, EDGE_FEATURES)
    assert not found.requires_grad
    torch.testing.assert_close(found, torch.stack([edge_features(graph, EDGE_FEATURES) for graph in x]))
    assert edge_features(x.half(), EDGE_FEATURES).dtype == torch.half
    assert edge_features(x, []).shape == (2, 6, 6, 0)


@pytest.mark.parametrize(
    ("names", "k", "said"),
    [
        ("rank", 3, "must be a list, as in"),
        (["ranks"], 3, "similarity, rank, mutual, and it holds 'ranks'"),
        (["rank", "rank"], 3, "holds rank 2 times"),
        (["mutual"], 0, "mutual_k must be a whole number of at least 1, not 0"),
        (["mutual"], 1.5, "not 1.5"),
        (["mutual"], True, "not True"),
    ],
)
def test_wrong_arguments_are_named(names, k, said):
    with pytest.raises(ValueError, match=said):
        edge_features(nodes(3, 0), names, mutual_k=k)
