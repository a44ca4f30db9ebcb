"""What holds for every topology, whatever it chooses: shapes, equivariance, self-loops, batches of graphs."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch_geometric.data import Batch, Data

from gnn_dml.graphs import KNN, ClassAware, Complete, Isolated, Topology, build_edges, uses_labels

TOPOLOGIES = [
    Complete,
    Isolated,
    lambda loop: KNN(1, loop=loop),
    lambda loop: KNN(3, loop=loop),
    lambda loop: ClassAware("same", loop=loop),
    lambda loop: ClassAware("other", loop=loop),
    lambda loop: ClassAware("nearest", k=2, loop=loop),
]


def nodes(n, seed, classes=3, dim=4):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(n, dim, generator=generator), torch.randint(classes, (n,), generator=generator)


def matrix(topology, x, y):
    """The adjacency with None written out."""
    adjacency = topology.adjacency(x, y)
    return torch.ones(*x.shape[:-1], x.size(-2), dtype=torch.bool) if adjacency is None else adjacency


cases = given(make=st.sampled_from(TOPOLOGIES), loop=st.booleans(), n=st.integers(4, 12), seed=st.integers(0, 10_000))


@cases
@settings(deadline=None, max_examples=60)
def test_self_loops_are_what_the_argument_says(make, loop, n, seed):
    assert matrix(make(loop=loop), *nodes(n, seed)).diagonal().tolist() == [loop] * n


@cases
@settings(deadline=None, max_examples=60)
def test_renumbering_the_nodes_renumbers_the_edges(make, loop, n, seed):
    topology = make(loop=loop)
    x, y = nodes(n, seed)
    order = torch.randperm(n, generator=torch.Generator().manual_seed(seed + 1))
    expected = matrix(topology, x, y)[order][:, order]
    assert torch.equal(matrix(topology, x[order], y[order]), expected)


@cases
@settings(deadline=None, max_examples=60)
def test_edge_index_says_the_same_as_the_adjacency(make, loop, n, seed):
    topology = make(loop=loop)
    x, y = nodes(n, seed)
    adjacency = matrix(topology, x, y)
    source, target = topology(Data(x=x, y=y)).edge_index
    edges = set(zip(source.tolist(), target.tolist(), strict=True))
    assert edges == {(j, i) for i in range(n) for j in range(n) if adjacency[i, j]}
    assert len(edges) == source.numel()


@cases
@settings(deadline=None, max_examples=40)
def test_a_batch_of_graphs_gets_no_edge_between_them(make, loop, n, seed):
    topology = make(loop=loop)
    one, two = (Data(x=x, y=y) for x, y in (nodes(n, seed), nodes(n + 1, seed + 1)))
    together = topology(Batch.from_data_list([one, two])).edge_index
    apart = [topology(Data(x=one.x, y=one.y)).edge_index, topology(Data(x=two.x, y=two.y)).edge_index + n]
    assert torch.equal(together, torch.cat(apart, dim=1))


@cases
@settings(deadline=None, max_examples=40)
def test_batched_nodes_are_graphs_of_their_own(make, loop, n, seed):
    topology = make(loop=loop)
    (a, ya), (b, yb) = nodes(n, seed), nodes(n, seed + 1)
    batched = matrix(topology, torch.stack([a, b]), torch.stack([ya, yb]))
    assert torch.equal(batched, torch.stack([matrix(topology, a, ya), matrix(topology, b, yb)]))


@pytest.mark.parametrize("make", TOPOLOGIES)
def test_wrong_shapes_are_refused(make):
    with pytest.raises(ValueError, match=r"x must have the shape"):
        make(loop=True).adjacency(torch.zeros(4))


def test_label_built_graphs_need_fitting_labels():
    topology = ClassAware("same")
    with pytest.raises(ValueError, match="y is None"):
        topology.adjacency(torch.zeros(4, 2))
    with pytest.raises(ValueError, match=r"\(4,\).*\(3,\)"):
        topology.adjacency(torch.zeros(4, 2), torch.zeros(3))


def test_no_gradient_flows_through_the_choice_of_edges():
    x = torch.randn(5, 3, requires_grad=True)
    assert not KNN(2).adjacency(x).requires_grad


def test_complete_with_loops_builds_no_matrix():
    assert Complete().adjacency(torch.zeros(3, 2)) is None


def test_repr_names_the_parameters():
    assert repr(KNN(3, loop=False)) == "KNN(k=3, loop=False)"
    assert repr(ClassAware("nearest", k=2)) == "ClassAware(mode='nearest', k=2, loop=True)"


class FromElsewhere:
    """A transform that knows nothing of this package: a ring."""

    def __call__(self, data):
        index = torch.arange(data.num_nodes)
        data.edge_index = torch.stack([index, index.roll(-1)])
        data.edge_weight = torch.full((data.num_nodes,), 0.5)
        return data


def test_any_pyg_transform_that_adds_edges_is_a_topology():
    x, y = nodes(5, 0)
    edges, weight = build_edges(FromElsewhere(), x, y)
    assert edges.tolist() == [[0, 1, 2, 3, 4], [1, 2, 3, 4, 0]]
    assert weight.tolist() == [0.5] * 5


def test_a_transform_without_edges_is_refused():
    with pytest.raises(ValueError, match="added no edge_index"):
        build_edges(lambda data: data, *nodes(3, 0))


def test_label_use_is_seen_through_compose():
    from torch_geometric.transforms import Compose

    assert uses_labels(Compose([KNN(1), Compose([ClassAware("same")])]))
    assert not uses_labels(Compose([KNN(1), Complete()]))
    assert issubclass(ClassAware, Topology)
