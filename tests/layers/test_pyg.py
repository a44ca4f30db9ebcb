"""What holds for every layer that subclasses one of PyG's: PyG's numbers, gradients, state dicts and answers."""

import pytest
import torch
import torch_geometric.nn as pyg
from hypothesis import given, settings
from hypothesis import strategies as st

from gnn_dml.layers import GATConv, GATv2Conv, TransformerConv
from gnn_dml.layers.edges import to_sparse

DIM, CHANNELS, HEADS = 6, 4, 2
PAIRS = [(GATConv, pyg.GATConv), (GATv2Conv, pyg.GATv2Conv), (TransformerConv, pyg.TransformerConv)]
OURS = [ours for ours, _ in PAIRS]
OPTIONS = {
    GATConv: {"concat", "add_self_loops", "bias", "residual"},
    GATv2Conv: {"concat", "add_self_loops", "bias", "residual", "share_weights"},
    TransformerConv: {"concat", "bias", "beta", "root_weight"},
}
pairs = pytest.mark.parametrize(("ours", "theirs"), PAIRS)


def graph(n, seed, density=0.5):
    """Nodes, and a random adjacency in which the first node hears nobody."""
    generator = torch.Generator().manual_seed(seed)
    x = torch.randn(n, DIM, generator=generator, dtype=torch.float64)
    adjacency = torch.rand(n, n, generator=generator) < density
    adjacency[0] = False
    return x, adjacency


def twins(ours, theirs, backend, **arguments):
    """Our layer and PyG's with the same random parameters, biases included."""
    torch.manual_seed(0)
    peer = theirs(DIM, CHANNELS, heads=HEADS, **arguments).double()
    with torch.no_grad():
        for parameter in peer.parameters():
            parameter.normal_()
    made = ours(DIM, CHANNELS, heads=HEADS, backend=backend, **arguments).double()
    made.load_state_dict(peer.state_dict())
    return made, peer


def gradients(out, *leaves):
    return torch.autograd.grad((out * torch.arange(out.numel()).view_as(out)).sum(), leaves, allow_unused=True)


@pairs
@given(
    n=st.integers(1, 9),
    seed=st.integers(0, 1000),
    density=st.floats(0, 1),
    flags=st.fixed_dictionaries(
        {name: st.booleans() for name in ("concat", "add_self_loops", "bias", "residual", "share_weights", "beta")}
    ),
    backend=st.sampled_from(["dense", "sparse", "auto"]),
    as_index=st.booleans(),
)
@settings(deadline=None, max_examples=30)
def test_numbers_and_gradients_are_pygs(ours, theirs, n, seed, density, flags, backend, as_index):
    x, adjacency = graph(n, seed, density)
    made, peer = twins(ours, theirs, backend, **{k: v for k, v in flags.items() if k in OPTIONS[ours]})
    edge_index, _ = to_sparse(x, adjacency, None)
    leaves = [x.clone().requires_grad_() for _ in range(2)]
    expected = peer(leaves[0], edge_index)
    found = made(leaves[1], edge_index if as_index else adjacency)
    torch.testing.assert_close(found, expected)
    for mine, other in zip(
        gradients(found, leaves[1], *made.parameters()), gradients(expected, leaves[0], *peer.parameters()), strict=True
    ):
        if mine is None or other is None:  # one path may not touch what the other multiplies by zero
            assert all(g is None or not g.any() for g in (mine, other))
        else:
            torch.testing.assert_close(mine, other, atol=1e-8, rtol=1e-8)


@pairs
def test_state_dicts_go_both_ways(ours, theirs):
    made, peer = ours(DIM, CHANNELS, heads=HEADS), theirs(DIM, CHANNELS, heads=HEADS)
    peer.load_state_dict(made.state_dict(), strict=True)
    made.load_state_dict(peer.state_dict(), strict=True)


@pairs
@pytest.mark.parametrize("backend", ["dense", "sparse"])
def test_a_node_without_neighbours_is_what_pyg_makes_of_it(ours, theirs, backend):
    x, adjacency = graph(5, 1)
    loops = {"add_self_loops": False} if "add_self_loops" in OPTIONS[ours] else {"root_weight": False}
    made, peer = twins(ours, theirs, backend, **loops)
    x.requires_grad_()
    out = made(x, adjacency)
    torch.testing.assert_close(out, peer(x, to_sparse(x, adjacency, None)[0]))
    own = torch.zeros(HEADS * CHANNELS).double() if made.__class__ is TransformerConv else made.bias
    torch.testing.assert_close(out[0], own)
    out.sum().backward()
    assert torch.isfinite(x.grad).all()
    # No edge at all, and a single node.
    nobody = torch.zeros(5, 5, dtype=torch.bool)
    torch.testing.assert_close(made(x, nobody), own.expand(5, -1))
    torch.testing.assert_close(made(x[:1], nobody[:1, :1]), own[None])


@pytest.mark.parametrize("ours", OURS)
def test_paths_agree_whatever_form_the_edges_have(ours):
    x, adjacency = graph(7, 2)
    edge_index, _ = to_sparse(x, adjacency, None)
    made = {backend: ours(DIM, CHANNELS, heads=HEADS, backend=backend).double() for backend in ("dense", "sparse")}
    made["sparse"].load_state_dict(made["dense"].state_dict())
    for edges in (adjacency, edge_index, None):
        torch.testing.assert_close(made["dense"](x, edges), made["sparse"](x, edges))


@pytest.mark.parametrize("ours", OURS)
def test_paths_agree_to_1e_5_in_float32_at_full_size(ours):
    generator = torch.Generator().manual_seed(3)
    x = torch.nn.functional.normalize(torch.randn(90, 128, generator=generator), dim=1)
    adjacency = torch.rand(90, 90, generator=generator) < 0.3
    made = {backend: ours.for_dim(128, num_heads=4, backend=backend) for backend in ("dense", "sparse")}
    made["sparse"].load_state_dict(made["dense"].state_dict())
    for edges in (adjacency, None):
        torch.testing.assert_close(made["dense"](x, edges), made["sparse"](x, edges), atol=1e-5, rtol=0)


@pytest.mark.parametrize("ours", OURS)
@pytest.mark.parametrize("backend", ["dense", "sparse"])
def test_batched_graphs_are_computed_apart(ours, backend):
    (a, edges_a), (b, edges_b) = graph(5, 4), graph(5, 5)
    made = ours.for_dim(DIM, num_heads=3, backend=backend).double()
    together = made(torch.stack([a, b]), torch.stack([edges_a, edges_b]))
    torch.testing.assert_close(together, torch.stack([made(a, edges_a), made(b, edges_b)]))
    assert together.shape == (2, 5, DIM)


@pytest.mark.parametrize("ours", OURS)
@pytest.mark.parametrize("backend", ["dense", "sparse"])
@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float64])
def test_other_precisions(ours, backend, dtype):
    x, adjacency = graph(9, 6)
    made = ours.for_dim(DIM, num_heads=2, backend=backend).double()
    expected = made(x, adjacency)
    out = made.to(dtype)(x.to(dtype), adjacency)
    assert out.dtype == dtype
    torch.testing.assert_close(out.double(), expected, atol=0.1 if dtype == torch.bfloat16 else 1e-12, rtol=0.05)


@pytest.mark.parametrize("ours", OURS)
@pytest.mark.parametrize("backend", ["dense", "sparse"])
def test_autocast(ours, backend):
    x, adjacency = graph(9, 6)
    made = ours.for_dim(DIM, num_heads=2, backend=backend)
    expected = made(x.float(), adjacency)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        out = made(x.float(), adjacency)
    torch.testing.assert_close(out.float(), expected, atol=0.1, rtol=0.05)


@pytest.mark.parametrize("ours", OURS)
@pytest.mark.parametrize("backend", ["dense", "sparse"])
def test_gradients_are_exact(ours, backend):
    x, adjacency = graph(4, 7)
    made = ours.for_dim(DIM, num_heads=2, backend=backend).double()
    names = [name for name, _ in made.named_parameters()]

    def run(nodes, *parameters):
        return torch.func.functional_call(made, dict(zip(names, parameters, strict=True)), (nodes, adjacency))

    leaves = [x.requires_grad_(), *(p.detach().clone().requires_grad_() for p in made.parameters())]
    assert torch.autograd.gradcheck(run, leaves)


@pairs
@pytest.mark.parametrize("backend", ["dense", "sparse"])
@pytest.mark.parametrize("as_index", [True, False])
def test_attention_weights_are_pygs(ours, theirs, backend, as_index):
    x, adjacency = graph(6, 8)
    made, peer = twins(ours, theirs, backend)
    edge_index, _ = to_sparse(x, adjacency, None)
    expected, (index, weights) = peer(x, edge_index, return_attention_weights=True)
    out, (edges, found) = made(x, edge_index if as_index else adjacency, return_attention_weights=True)
    torch.testing.assert_close(out, expected)
    if as_index:
        assert torch.equal(edges, index)
        torch.testing.assert_close(found, weights)
    else:
        matrix = torch.zeros(HEADS, 6, 6).double()
        matrix[:, index[1], index[0]] = weights.T
        assert torch.equal(edges.nonzero(), matrix[0].nonzero())
        torch.testing.assert_close(found, matrix)


@pytest.mark.parametrize("ours", OURS)
def test_attention_weights_of_batched_graphs(ours):
    (a, edges_a), (b, edges_b) = graph(5, 4), graph(5, 5)
    edge_index, _ = to_sparse(a, edges_a, None)
    made = ours(DIM, CHANNELS, heads=HEADS, backend="sparse").double()
    dense = ours(DIM, CHANNELS, heads=HEADS, backend="dense").double()
    dense.load_state_dict(made.state_dict())
    for edges in (None, edges_a, torch.stack([edges_a, edges_b]), edge_index):
        results = [layer(torch.stack([a, b]), edges, return_attention_weights=True) for layer in (made, dense)]
        for layer, (out, (_, weights)) in zip((made, dense), results, strict=True):
            for i, nodes in enumerate((a, b)):
                own = edges[i] if edges is not None and edges.dim() == 3 else edges
                alone, (_, alone_weights) = layer(nodes, own, return_attention_weights=True)
                torch.testing.assert_close(out[i], alone)
                torch.testing.assert_close(weights[i], alone_weights)
        torch.testing.assert_close(results[0][1][1], results[1][1][1])


@pytest.mark.parametrize("ours", OURS)
@pytest.mark.parametrize("backend", ["dense", "sparse"])
def test_attention_dropout_only_in_training(ours, backend):
    """The kept weights are scaled up, so the mean over many draws is the output without dropout."""
    x, adjacency = graph(6, 9)
    made = ours.for_dim(DIM, num_heads=2, dropout=0.5, backend=backend).double()
    torch.manual_seed(0)
    draws = 3000
    with torch.no_grad():
        if backend == "dense":
            draws = made(x.expand(draws, -1, -1), adjacency.expand(draws, -1, -1))
        else:  # as many copies beside one another
            edge_index, _ = to_sparse(x, adjacency, None)
            copies = edge_index[:, None] + len(x) * torch.arange(draws)[:, None]
            draws = made(x.repeat(draws, 1), copies.flatten(1)).unflatten(0, (draws, -1))
        expected = made.eval()(x, adjacency)
    assert draws.std(0)[1:].amax() > 0.05
    torch.testing.assert_close(draws.mean(0), expected, atol=0.1, rtol=0)
    torch.testing.assert_close(made(x, adjacency), expected)


@pairs
def test_edge_features_are_pygs(ours, theirs):
    x, adjacency = graph(6, 10)
    edge_index, _ = to_sparse(x, adjacency, None)
    attributes = torch.randn(edge_index.size(1), 3, generator=torch.Generator().manual_seed(0)).double()
    made, peer = twins(ours, theirs, "auto", edge_dim=3)
    torch.testing.assert_close(made(x, edge_index, edge_attr=attributes), peer(x, edge_index, attributes))
    with pytest.raises(
        ValueError, match=r"edge_attr must have the shape \(6, 6, 3\) beside these edges, not \(\d+, 3\)"
    ):
        made(x, adjacency, edge_attr=attributes)


@pairs
@pytest.mark.parametrize("arguments", [{"aggr": "mean"}, {"aggr": "max"}, {"flow": "target_to_source"}])
def test_options_without_a_dense_path_are_pygs_too(ours, theirs, arguments):
    x, adjacency = graph(6, 11)
    made, peer = twins(ours, theirs, "auto", **arguments)
    torch.testing.assert_close(made(x, adjacency), peer(x, to_sparse(x, adjacency, None)[0]))
    name, value = next(iter(arguments.items()))
    with pytest.raises(ValueError, match=rf"no {name}='{value}'"):
        ours(DIM, CHANNELS, backend="dense", **arguments)


@pytest.mark.parametrize("ours", OURS)
def test_for_dim_leaves_self_loops_to_the_graph(ours):
    x, adjacency = graph(5, 12)
    made = ours.for_dim(DIM, num_heads=2).double()
    torch.testing.assert_close(made(x, adjacency)[0], made.lin_skip(x[0]) if ours is TransformerConv else made.bias)
    assert made(x, adjacency).shape == x.shape


@pytest.mark.parametrize("ours", OURS)
def test_an_edge_named_twice_counts_twice_sparse_and_is_refused_dense(ours):
    x, _ = graph(3, 13)
    twice = torch.tensor([[0, 1, 1], [2, 2, 2]])
    made = ours.for_dim(DIM, num_heads=2).double()
    assert not torch.equal(made(x, twice)[2], made(x, twice[:, 1:])[2])
    with pytest.raises(ValueError, match="more than once"):
        ours.for_dim(DIM, num_heads=2, backend="dense").double()(x, twice)


@pytest.mark.parametrize("ours", OURS)
def test_wrong_arguments_are_named(ours):
    with pytest.raises(ValueError, match="divide dim=6, and 4"):
        ours.for_dim(6, num_heads=4)
    with pytest.raises(ValueError, match="auto, dense, sparse, not 'fast'"):
        ours(6, 4, backend="fast")
    with pytest.raises(ValueError, match="takes no edge_weight"):
        ours(6, 4)(torch.zeros(2, 6), None, edge_weight=torch.ones(2, 2))
    with pytest.raises(ValueError, match=r"\(5, 5\), not \(3, 4\)"):
        ours(6, 4)(torch.zeros(5, 6), torch.ones(3, 4, dtype=torch.bool))


@pairs
def test_a_pair_of_sources_and_targets_goes_to_pygs_own_path(ours, theirs):
    torch.manual_seed(0)
    made, peer = ours((8, 5), 4, heads=2, **_no_loops(ours)), theirs((8, 5), 4, heads=2, **_no_loops(ours))
    made.load_state_dict(peer.state_dict())
    both = torch.randn(6, 8), torch.randn(3, 5)
    edge_index = torch.tensor([[0, 5, 2, 3], [0, 1, 1, 2]])
    torch.testing.assert_close(made(both, edge_index), peer(both, edge_index))
    with pytest.raises(ValueError, match="a pair of sources and targets beside an edge_index only"):
        made(both, None)


def _no_loops(ours):
    return {} if ours is TransformerConv else {"add_self_loops": False}


@pytest.mark.parametrize("ours", OURS)
@pytest.mark.parametrize("backend", ["dense", "sparse"])
@pytest.mark.parametrize("shape", [(0, DIM), (0, 3, DIM), (2, 0, DIM)])
def test_no_nodes_and_no_graphs(ours, backend, shape):
    made = ours.for_dim(DIM, num_heads=2, backend=backend)
    assert made(torch.zeros(shape), torch.zeros(shape[-2], shape[-2], dtype=torch.bool)).shape == shape


@pytest.mark.parametrize(("ours", "theirs"), PAIRS[:2])
def test_zeros_in_the_attention_vector(ours, theirs):
    """Their gradient is PyG's, as for any other number."""
    x, adjacency = graph(6, seed=3)
    made, peer = twins(ours, theirs, "dense")
    for module in (made, peer):
        for name, parameter in module.named_parameters():
            if name.startswith("att"):
                parameter.data[0, 1] = 0.0
                parameter.data[0, 0, 2] = 0.0
    found, expected = made(x, adjacency), peer(x, to_sparse(x, adjacency, None)[0])
    for mine, other in zip(gradients(found, *made.parameters()), gradients(expected, *peer.parameters()), strict=True):
        torch.testing.assert_close(mine, other)
