"""From transforms to edges: what keeps the dense path, what runs on `Data`, and what is used on unseen images."""

import pytest
import torch
from torch_geometric.transforms import Compose, ToUndirected

from gnn_dml.graphs import (
    KNN,
    ClassAware,
    Complete,
    DropEdge,
    Threshold,
    Topology,
    build_edges,
    describe,
    for_test,
    takes_batches,
    uses_labels,
)

X = torch.randn(6, 4, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
Y = torch.tensor([0, 0, 1, 1, 2, 2])


class FromElsewhere:
    """A transform that knows nothing of this package: a ring."""

    def __call__(self, data):
        index = torch.arange(data.num_nodes)
        data.edge_index = torch.stack([index, index.roll(-1)])
        data.edge_weight = torch.full((data.num_nodes,), 0.5)
        return data

    def __repr__(self):
        return "FromElsewhere(\n)"


def test_any_pyg_transform_that_adds_edges_is_a_topology():
    edges, weight = build_edges(FromElsewhere(), X, Y)
    assert edges.tolist() == [[0, 1, 2, 3, 4, 5], [1, 2, 3, 4, 5, 0]]
    assert weight.tolist() == [0.5] * 6


@pytest.mark.parametrize("transform", [lambda data: data, Compose([]), DropEdge(0.0)])
def test_a_transform_without_edges_is_refused(transform):
    with pytest.raises(ValueError, match="no edge"):
        build_edges(transform, X, Y)


DENSE = [KNN(2), Compose([KNN(2)]), Compose([KNN(2), DropEdge(0.0)]), Compose([Compose([KNN(2), DropEdge(0.0)])])]
SPARSE = [FromElsewhere(), Compose([KNN(2), ToUndirected()]), Compose([KNN(2), KNN(1)]), Compose([DropEdge(0), KNN(2)])]


@pytest.mark.parametrize("topology", DENSE, ids=describe)
def test_topologies_and_dropped_edges_keep_the_dense_path(topology):
    assert takes_batches(topology)
    assert torch.equal(build_edges(topology, X, Y).edges, KNN(2).adjacency(X))
    batched = build_edges(topology, torch.stack([X, X.flip(0)]), None).edges
    assert torch.equal(batched, torch.stack([KNN(2).adjacency(X), KNN(2).adjacency(X.flip(0))]))


@pytest.mark.parametrize("topology", SPARSE[:3], ids=describe)
def test_other_transforms_are_run_on_one_graph(topology):
    assert not takes_batches(topology)
    assert build_edges(topology, X, Y).edges.shape[0] == 2
    with pytest.raises(ValueError, match=r"takes one graph at a time, \(N, D\), and x is \(2, 6, 4\)"):
        build_edges(topology, torch.stack([X, X]), None)


def test_edges_cannot_be_dropped_before_there_are_any():
    assert not takes_batches(SPARSE[3])
    with pytest.raises(ValueError, match=r"DropEdge\(p=0\) has no edges to drop: put it after a topology"):
        build_edges(SPARSE[3], X, Y)


def test_the_last_topology_wins_and_leaves_no_weights_of_the_first():
    edges, weight = build_edges(Compose([Threshold(0.0), KNN(1, loop=False)]), X, None)
    assert weight is None
    assert {(i, j) for j, i in edges.T.tolist()} == set(map(tuple, KNN(1, loop=False).adjacency(X).nonzero().tolist()))


@pytest.mark.parametrize(
    ("topology", "expected"),
    [
        (KNN(2), "KNN(k=2, loop=True)"),
        (ClassAware("same"), "Complete(loop=True)"),
        (Compose([KNN(2), DropEdge(0.5)]), "KNN(k=2, loop=True)"),
        (Compose([Compose([KNN(2), DropEdge(0.5)]), DropEdge(0.1)]), "KNN(k=2, loop=True)"),
        (Compose([ClassAware("same"), DropEdge(0.5)]), "Complete(loop=True)"),
        (Compose([ClassAware("same"), FromElsewhere()]), "Complete(loop=True)"),
        (Compose([KNN(2), DropEdge(0.5), FromElsewhere()]), "KNN(k=2, loop=True) + FromElsewhere( )"),
    ],
    ids=str,
)
def test_the_graph_of_unseen_images(topology, expected):
    before = describe(topology)
    assert describe(for_test(topology)) == expected
    assert describe(topology) == before


def test_a_lone_part_is_handed_back_bare():
    topology = KNN(2)
    assert for_test(topology) is for_test(Compose([topology, DropEdge(0.5)])) is topology
    assert isinstance(for_test(Compose([topology, ToUndirected()])), Compose)


@pytest.mark.parametrize("topology", [DropEdge(0.5), Compose([DropEdge(0.5)]), Compose([])])
def test_nothing_left_for_unseen_images_is_an_error(topology):
    with pytest.raises(ValueError, match="has no part that adds edges"):
        for_test(topology)


def test_label_use_is_seen_through_compose():
    assert uses_labels(Compose([KNN(1), Compose([ClassAware("same")])]))
    assert not uses_labels(Compose([KNN(1), Complete()]))
    assert issubclass(ClassAware, Topology)


def test_a_description_is_one_line():
    assert describe(Compose([KNN(2), DropEdge(0.5)])) == "KNN(k=2, loop=True) + DropEdge(p=0.5)"
    assert describe(Compose([])) == "an empty Compose"


class LooksAtLabels:
    """Edges inside a class where there are labels, else none; silent about it."""

    def __call__(self, data):
        assert data.y is None or isinstance(data.y, torch.Tensor)
        same = torch.eye(data.num_nodes, dtype=torch.bool) if data.y is None else data.y[:, None] == data.y
        data.edge_index = same.nonzero().T.contiguous()
        return data


class SaysSo(LooksAtLabels):
    uses_labels = True


def test_labels_reach_no_transform_that_is_silent_about_them():
    own = [[0, 1, 2, 3, 4, 5]] * 2
    for silent in (LooksAtLabels(), Compose([LooksAtLabels(), ToUndirected()]), Compose([Complete(), LooksAtLabels()])):
        assert build_edges(silent, X, Y).edges.tolist() == own
    assert build_edges(SaysSo(), X, Y).edges.shape == (2, 12)
    assert build_edges(Compose([SaysSo(), ToUndirected()]), X, Y).edges.shape == (2, 12)
