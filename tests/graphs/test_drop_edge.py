"""Dropped edges after every topology, along an edge_index and in a matrix."""

from functools import partial

import pytest
import torch
from torch_geometric.data import Batch, Data
from torch_geometric.transforms import Compose

from gnn_dml.config.compose import resolve
from gnn_dml.config.names import groups
from gnn_dml.experiments.build import build
from gnn_dml.graphs import KNN, ClassAware, Complete, DropEdge, Isolated, Threshold, build_edges

INSTALLED = [resolve([f"graph={name}", "protocol.neighbours=8"])["graph"] for name in groups()["graph"]]
TOPOLOGIES = [
    *(partial(build, settings) for settings in INSTALLED if settings.get("_target_") is not None),
    partial(KNN, 3),
    partial(ClassAware, "nearest", k=2),
    partial(Threshold, 0.0),
    partial(Threshold, None, negatives="soft"),
]
X = torch.randn(10, 4, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
Y = torch.tensor([0, 0, 1, 1, 1, 2, 2, 2, 2, 3])

over_all = pytest.mark.parametrize(
    "topology", [make(loop=loop) for make in TOPOLOGIES for loop in (True, False)], ids=repr
)


def edges_of(data):
    """{(source, target): weight}, the weight None where there are none."""
    weights = [None] * data.edge_index.size(1) if data.edge_weight is None else data.edge_weight.tolist()
    return dict(zip(map(tuple, data.edge_index.T.tolist()), weights, strict=True))


def written_out(edges):
    """The same for a matrix of edges."""
    adjacency = torch.ones(10, 10, dtype=torch.bool) if edges.edges is None else edges.edges
    return {
        (j, i): None if edges.edge_weight is None else edges.edge_weight[i, j].item()
        for i, j in adjacency.nonzero().tolist()
    }


@over_all
def test_self_loops_and_weights_stay(topology):
    """On both forms: some of the edges with the weights they had, all self-loops, and no weight where an edge went."""
    torch.manual_seed(0)
    whole = edges_of(topology(Data(x=X, y=Y)))
    transform = Compose([topology, DropEdge(0.5)])
    dense = build_edges(transform, X, Y)
    for left in (edges_of(transform(Data(x=X, y=Y))), written_out(dense)):
        assert left.items() <= whole.items()
        assert {edge for edge in whole if edge[0] == edge[1]} <= left.keys()
        assert len(left) < len(whole) or isinstance(topology, Isolated)
    if dense.edge_weight is not None:
        assert not dense.edge_weight[~dense.edges].any()


@over_all
def test_nothing_is_dropped_with_probability_0(topology):
    transform = Compose([topology, DropEdge(0.0)])
    assert edges_of(transform(Data(x=X, y=Y))) == edges_of(topology(Data(x=X, y=Y)))
    edges, weight = build_edges(transform, X, Y)
    for found, expected in zip((edges, weight), topology.edges(X, Y), strict=True):
        assert found is expected is None or torch.equal(found, expected)


@pytest.mark.parametrize("p", [0.1, 0.5, 0.9])
@pytest.mark.parametrize("topology", [Complete(), KNN(3)], ids=repr)
def test_both_forms_drop_each_edge_as_often(topology, p):
    """1000 draws of each form: the share of every edge lies within 5 standard deviations of 1 - p."""
    draws, transform = 1000, Compose([topology, DropEdge(p)])
    torch.manual_seed(1)
    dense = build_edges(transform, X.expand(draws, 10, 4), None).edges.double().mean(dim=0)
    sparse = torch.zeros(10, 10, dtype=torch.float64)
    data = topology(Data(x=X))
    for _ in range(draws):
        source, target = DropEdge(p)(data).edge_index
        sparse[target, source] += 1 / draws
    whole = torch.ones(10, 10, dtype=torch.bool) if topology.adjacency(X) is None else topology.adjacency(X)
    others = whole & ~torch.eye(10, dtype=torch.bool)
    for share in (dense, sparse):
        assert (share[others] - (1 - p)).abs().max() < 5 * (p * (1 - p) / draws) ** 0.5
        torch.testing.assert_close(share.diagonal(), torch.ones(10, dtype=torch.float64))
        assert not share[~whole].any()


def test_edges_go_one_by_one():
    """Neither both directions together nor the same edges in every graph of a batch."""
    torch.manual_seed(0)
    left = build_edges(Compose([Complete(), DropEdge(0.5)]), X.expand(2, 10, 4), None).edges
    assert not torch.equal(left[0], left[0].T)
    assert not torch.equal(left[0], left[1])


def test_the_random_state_decides():
    draws = []
    for seed in (0, 0, 1):
        torch.manual_seed(seed)
        draws.append(build_edges(Compose([Complete(), DropEdge(0.5)]), X, None).edges)
    assert torch.equal(draws[0], draws[1])
    assert not torch.equal(draws[0], draws[2])


def test_attributes_follow_their_edges_and_the_rest_stays():
    """Also where a vector of the batch happens to be as long as there are edges."""
    torch.manual_seed(0)
    batch = Batch.from_data_list([Data(x=X[:1]), Data(x=X[1:3])])
    batch.edge_index = torch.tensor([[0, 1, 2], [0, 2, 1]])
    batch.edge_attr = torch.arange(3)
    left = DropEdge(0.9)(batch)
    assert left.edge_attr.tolist() == [0]
    assert left.edge_index.tolist() == [[0], [0]]
    assert left.ptr.tolist() == [0, 1, 3]
    assert left.num_nodes == batch.num_nodes == 3
    assert batch.edge_index.size(1) == 3


def test_gradient_reaches_the_weights_that_are_left():
    x = X.clone().requires_grad_()
    torch.manual_seed(0)
    build_edges(Compose([Threshold(0.0), DropEdge(0.5)]), x, None).edge_weight.sum().backward()
    assert x.grad.abs().sum() > 0


@pytest.mark.parametrize("p", [-0.1, 1.0, float("nan")])
def test_a_probability_out_of_range_is_refused(p):
    with pytest.raises(ValueError, match="p must be at least 0 and below 1, not"):
        DropEdge(p)


def test_it_needs_edges():
    with pytest.raises(ValueError, match=r"DropEdge\(p=0.5\) has no edges to drop"):
        DropEdge(0.5)(Data(x=X))


def test_it_is_for_training_only():
    assert DropEdge(0.5).training_only
