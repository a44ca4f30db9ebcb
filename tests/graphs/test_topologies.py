"""What holds for every topology, whatever it chooses: shapes, equivariance, self-loops, batches of graphs."""

import re
from functools import partial

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch_geometric.data import Batch, Data

from gnn_dml import graphs
from gnn_dml.graphs import KNN, ClassAware, Complete, Isolated, MutualKNN, Random, Threshold

TOPOLOGIES = [
    graphs.Complete,
    graphs.Isolated,
    lambda loop: graphs.KNN(1, loop=loop),
    lambda loop: graphs.KNN(3, loop=loop),
    lambda loop: graphs.ClassAware("same", loop=loop),
    lambda loop: graphs.ClassAware("other", loop=loop),
    lambda loop: graphs.ClassAware("nearest", k=2, loop=loop),
    lambda loop: graphs.ClassAware("same", hidden=0.3, loop=loop),
    lambda loop: graphs.ClassAware("nearest", k=2, hidden=0.4, seed=5, loop=loop),
    lambda loop: graphs.MutualKNN(1, loop=loop),
    lambda loop: graphs.MutualKNN(3, loop=loop),
    lambda loop: graphs.Random(1, loop=loop),
    lambda loop: graphs.Random(3, seed=7, loop=loop),
    *(
        partial(graphs.Threshold, threshold, similarity=similarity, negatives=negatives)
        for threshold in (None, -0.5, 0.0, 0.3, 0.9)
        for similarity in ("correlation", "cosine")
        for negatives in ("hard", "soft")
    ),
]


def nodes(n, seed, classes=3, dim=4):
    generator = torch.Generator().manual_seed(seed)
    x = torch.randn(n, dim, generator=generator, dtype=torch.float64)
    return x, torch.randint(classes, (n,), generator=generator)


def matrix(topology, x, y):
    """The adjacency with None written out."""
    adjacency = topology.adjacency(x, y)
    return torch.ones(*x.shape[:-1], x.size(-2), dtype=torch.bool) if adjacency is None else adjacency


def weights(topology, x, y):
    """The edge weights, 1 where a topology has none, 0 beside the edges."""
    weight = topology.edges(x, y).edge_weight
    return matrix(topology, x, y).double() if weight is None else weight


cases = given(make=st.sampled_from(TOPOLOGIES), loop=st.booleans(), n=st.integers(4, 12), seed=st.integers(0, 10_000))


@cases
@settings(deadline=None, max_examples=30)
def test_self_loops_are_what_the_argument_says(make, loop, n, seed):
    assert matrix(make(loop=loop), *nodes(n, seed)).diagonal().tolist() == [loop] * n


@cases
@settings(deadline=None, max_examples=30)
def test_renumbering_the_nodes_renumbers_the_edges(make, loop, n, seed):
    topology = make(loop=loop)
    x, y = nodes(n, seed)
    order = torch.randperm(n, generator=torch.Generator().manual_seed(seed + 1))
    expected = matrix(topology, x, y)[order][:, order]
    assert torch.equal(matrix(topology, x[order], y[order]), expected)
    torch.testing.assert_close(weights(topology, x[order], y[order]), weights(topology, x, y)[order][:, order])


@cases
@settings(deadline=None, max_examples=30)
def test_edge_index_says_the_same_as_the_adjacency(make, loop, n, seed):
    topology = make(loop=loop)
    x, y = nodes(n, seed)
    adjacency = matrix(topology, x, y)
    data = topology(Data(x=x, y=y))
    edges = list(zip(*data.edge_index.tolist(), strict=True))
    assert edges == [(j, i) for i in range(n) for j in range(n) if adjacency[i, j]]


@cases
@settings(deadline=None, max_examples=30)
def test_each_edge_has_its_own_weight(make, loop, n, seed):
    topology = make(loop=loop)
    x, y = nodes(n, seed)
    data, weight = topology(Data(x=x, y=y)), topology.edges(x, y).edge_weight
    assert (data.edge_weight is None) == (weight is None)
    if weight is not None:
        assert data.edge_weight.tolist() == [weight[i, j].item() for j, i in data.edge_index.T.tolist()]
        assert (weight >= 0).all()
        assert not weight[~matrix(topology, x, y)].any()


@cases
@settings(deadline=None, max_examples=40)
def test_a_batch_of_graphs_gets_no_edge_between_them(make, loop, n, seed):
    topology = make(loop=loop)
    one, two = (Data(x=x, y=y) for x, y in (nodes(n, seed), nodes(n + 1, seed + 1)))
    together = topology(Batch.from_data_list([one, two]))
    first, second = topology(Data(x=one.x, y=one.y)), topology(Data(x=two.x, y=two.y))
    assert torch.equal(together.edge_index, torch.cat([first.edge_index, second.edge_index + n], dim=1))
    assert (together.edge_weight is None) == (first.edge_weight is None)
    if together.edge_weight is not None:
        assert torch.equal(together.edge_weight, torch.cat([first.edge_weight, second.edge_weight]))


def test_a_batch_may_hold_a_graph_without_nodes():
    x, y = nodes(4, 0)
    batch = torch.tensor([0, 0, 2, 2])
    found = KNN(1)(Data(x=x, y=y, batch=batch)).edge_index
    assert [{s, t} <= {0, 1} or {s, t} <= {2, 3} for s, t in found.T.tolist()] == [True] * 8


@cases
@settings(deadline=None, max_examples=40)
def test_batched_nodes_are_graphs_of_their_own(make, loop, n, seed):
    topology = make(loop=loop)
    (a, ya), (b, yb) = nodes(n, seed), nodes(n, seed + 1)
    x, y = torch.stack([a, b]), torch.stack([ya, yb])
    for read, close in ((matrix, torch.equal), (weights, torch.allclose)):
        batched = read(topology, x, y)
        assert close(batched, torch.stack([read(topology, a, ya), read(topology, b, yb)]))
        assert close(read(topology, x[:, None], y[:, None]), batched[:, None])


SYMMETRIC = [make for make in TOPOLOGIES if isinstance(make(loop=True), (Complete, Isolated, MutualKNN, Threshold))]
SYMMETRIC += [make for make in TOPOLOGIES if getattr(make(loop=True), "mode", None) in ("same", "other")]


@given(make=st.sampled_from(SYMMETRIC), loop=st.booleans(), n=st.integers(4, 12), seed=st.integers(0, 10_000))
@settings(deadline=None, max_examples=30)
def test_symmetric_graphs_are_symmetric_to_the_last_bit(make, loop, n, seed):
    topology, (x, y) = make(loop=loop), nodes(n, seed)
    assert torch.equal(matrix(topology, x.float(), y), matrix(topology, x.float(), y).T)
    assert torch.equal(weights(topology, x.float(), y), weights(topology, x.float(), y).T)


@pytest.mark.parametrize("topology", [KNN, Random, MutualKNN])
@given(k=st.integers(1, 5), loop=st.booleans(), n=st.integers(6, 12), seed=st.integers(0, 10_000), copies=st.booleans())
@settings(deadline=None, max_examples=30)
def test_everyone_hears_k_others(topology, k, loop, n, seed, copies):
    """Also where half of the nodes are copies of the others; the mutual graph keeps at most k."""
    x, _ = nodes(n, seed)
    if copies:
        x[n // 2 :] = x[: n - n // 2].clone()
    heard = topology(k, loop=loop).adjacency(x).sum(dim=1)
    assert (heard <= k + loop).all() if topology is MutualKNN else (heard == k + loop).all()


@pytest.mark.parametrize("topology", [KNN, MutualKNN, Random])
@pytest.mark.parametrize("n", [0, 1, 3])
def test_k_others_must_exist(topology, n):
    with pytest.raises(ValueError, match=rf"k=3 .* {n} nodes; at most {n - 1}"):
        topology(3).adjacency(torch.zeros(n, 2))
    with pytest.raises(ValueError, match="k must be at least 1, not 0"):
        topology(0)


@pytest.mark.parametrize("make", TOPOLOGIES)
@pytest.mark.parametrize("loop", [True, False])
@pytest.mark.parametrize("n", [0, 1])
def test_hardly_any_nodes(make, loop, n):
    """One node hears itself or nobody; no node hears nobody. Or the topology says that they are too few."""
    topology, (x, y) = make(loop=loop), nodes(n, 0)
    try:
        topology.check_size(n)
    except ValueError as refusal:
        with pytest.raises(ValueError, match=re.escape(str(refusal))):
            topology.adjacency(x, y)
        return
    assert matrix(topology, x, y).tolist() == [[loop]] * n
    assert topology(Data(x=x, y=y)).edge_index.tolist() == [[0] * (n and loop)] * 2


def test_few_nodes_are_refused_where_k_others_are_needed_alone():
    """Otherwise the test above could look at nothing."""
    with pytest.raises(ValueError, match="at most 0 exist"):
        KNN(1).check_size(1)
    for topology in (Complete(), Isolated(), ClassAware("nearest", k=2), Threshold(0.3)):
        topology.check_size(0)


@pytest.mark.parametrize("make", TOPOLOGIES)
def test_old_edges_and_their_weights_are_gone(make):
    x, y = nodes(5, 0)
    old = {"edge_index": torch.zeros(2, 9, dtype=torch.long), "edge_attr": torch.zeros(9, 2)}
    data = make(loop=True)(Data(x=x, y=y, edge_weight=torch.ones(9), **old))
    assert data.edge_attr is None
    assert data.edge_weight is None or data.edge_weight.shape == (data.edge_index.size(1),)
    assert data.edge_index.size(1) == int(matrix(make(loop=True), x, y).sum())


@pytest.mark.parametrize("make", TOPOLOGIES)
@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32])
def test_weights_come_in_the_type_of_the_nodes(make, dtype):
    x, y = nodes(6, 0)
    edges, weight = make(loop=True).edges(x.to(dtype), y)
    assert edges is None or edges.dtype == torch.bool
    assert weight is None or weight.dtype == dtype


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
    assert repr(ClassAware("nearest", k=2)) == "ClassAware(mode='nearest', k=2, hidden=0.0, seed=0, loop=True)"
    assert repr(MutualKNN(3)) == "MutualKNN(k=3, loop=True)"
    assert repr(Random(3, seed=1)) == "Random(k=3, seed=1, loop=True)"
    assert repr(Threshold(0.1)) == "Threshold(threshold=0.1, similarity='correlation', negatives='hard', loop=None)"
