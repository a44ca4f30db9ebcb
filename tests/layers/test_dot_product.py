"""The layer against a loop over nodes, torch's own attention and PyG's; and its two paths against each other."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch_geometric.nn import TransformerConv

from gnn_dml.layers import DotProductAttention
from gnn_dml.layers.edges import to_sparse

DIM, HEADS = 8, 2


def layer(**arguments):
    torch.manual_seed(0)
    made = DotProductAttention(DIM, HEADS, **arguments).double()
    for linear in (made.q, made.k, made.v, made.out):
        torch.nn.init.normal_(linear.bias)
    return made


def slow(module, x, adjacency, weight=None):
    """One node, one head, one neighbour at a time."""
    q, k, v = module.q(x), module.k(x), module.v(x)
    d = DIM // HEADS
    received = torch.zeros_like(x)
    for i in range(len(x)):
        sources = adjacency[i].nonzero().squeeze(1).tolist()
        for h in range(HEADS):
            part = slice(h * d, (h + 1) * d)
            exps = [math.exp((q[i, part] @ k[j, part]).item() / math.sqrt(d)) for j in sources]
            total = sum(exps) + (1.0 if module.quiet else 0.0)
            messages = [
                e / total * (1.0 if weight is None else weight[i, j].item()) * v[j, part]
                for e, j in zip(exps, sources, strict=True)
            ]
            if messages:
                stacked = torch.stack(messages)
                received[i, part] = {
                    "sum": stacked.sum(0),
                    "mean": stacked.mean(0),
                    "max": stacked.max(0).values,
                }[module.aggregation]
    return module.out(received)


def graph(n, seed, density=0.5):
    generator = torch.Generator().manual_seed(seed)
    x = torch.randn(n, DIM, generator=generator, dtype=torch.float64)
    adjacency = torch.rand(n, n, generator=generator) < density
    adjacency[0] = False  # one node hears nobody
    weight = torch.rand(n, n, generator=generator, dtype=torch.float64)
    return x, adjacency, weight


@pytest.mark.parametrize("quiet", [False, True])
@pytest.mark.parametrize("aggregation", ["sum", "mean", "max"])
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("backend", ["dense", "sparse"])
def test_equals_the_slow_loop(quiet, aggregation, weighted, backend):
    x, adjacency, weight = graph(7, seed=1)
    module = layer(quiet=quiet, aggregation=aggregation, backend=backend)
    weight = weight if weighted else None
    torch.testing.assert_close(module(x, adjacency, edge_weight=weight), slow(module, x, adjacency, weight))


@given(
    n=st.integers(1, 9),
    seed=st.integers(0, 1000),
    density=st.floats(0, 1),
    quiet=st.booleans(),
    aggregation=st.sampled_from(["sum", "mean"]),
    weighted=st.booleans(),
)
@settings(deadline=None, max_examples=30)
def test_both_paths_agree_in_value_and_gradient(n, seed, density, quiet, aggregation, weighted):
    x, adjacency, weight = graph(n, seed, density)
    weight = weight if weighted else None
    results = []
    for backend in ("dense", "sparse"):
        module = layer(quiet=quiet, aggregation=aggregation, backend=backend)
        leaf = x.clone().requires_grad_()
        out = module(leaf, adjacency, edge_weight=weight)
        (out * torch.arange(out.numel()).view_as(out)).sum().backward()
        results.append((out, leaf.grad, *(p.grad for p in module.parameters())))
    for dense, sparse in zip(*results, strict=True):
        torch.testing.assert_close(dense, sparse, atol=1e-9, rtol=1e-9)


@pytest.mark.parametrize("quiet", [False, True])
def test_a_node_without_neighbours_gives_the_output_bias_and_finite_gradients(quiet):
    x, adjacency, _ = graph(5, seed=2)
    x.requires_grad_()
    module = layer(quiet=quiet)
    out = module(x, adjacency)
    torch.testing.assert_close(out[0], module.out.bias)
    out.sum().backward()
    assert torch.isfinite(x.grad).all()
    assert torch.isfinite(module.q.weight.grad).all()


def test_none_is_the_complete_graph_with_self_loops():
    x, _, _ = graph(6, seed=3)
    everyone = torch.ones(6, 6, dtype=torch.bool)
    torch.testing.assert_close(layer()(x), layer()(x, everyone))
    torch.testing.assert_close(layer(backend="sparse")(x), layer(backend="dense")(x))


def test_batched_graphs_are_computed_apart():
    (a, edges_a, _), (b, edges_b, _) = graph(5, seed=4), graph(5, seed=5)
    for backend in ("dense", "sparse"):
        module = layer(quiet=True, backend=backend)
        together = module(torch.stack([a, b]), torch.stack([edges_a, edges_b]))
        torch.testing.assert_close(together, torch.stack([module(a, edges_a), module(b, edges_b)]))


def test_one_edge_index_serves_every_graph_of_a_batch():
    (a, adjacency, _), (b, _, _) = graph(5, seed=4), graph(5, seed=5)
    edge_index, _ = to_sparse(a, adjacency, None)
    for backend in ("dense", "sparse"):
        module = layer(backend=backend)
        together = module(torch.stack([a, b]), edge_index)
        torch.testing.assert_close(together, torch.stack([module(a, adjacency), module(b, adjacency)]))


def test_plain_softmax_is_torchs_multi_head_attention():
    x, _, _ = graph(6, seed=6)
    module = layer()
    peer = torch.nn.MultiheadAttention(DIM, HEADS, batch_first=True).double()
    with torch.no_grad():
        peer.in_proj_weight.copy_(torch.cat([module.q.weight, module.k.weight, module.v.weight]))
        peer.in_proj_bias.copy_(torch.cat([module.q.bias, module.k.bias, module.v.bias]))
        peer.out_proj.load_state_dict(module.out.state_dict())
    torch.testing.assert_close(module(x), peer(x[None], x[None], x[None])[0][0])


def test_messages_are_those_of_pygs_transformer_conv():
    x, adjacency, _ = graph(7, seed=7)
    edge_index, _ = to_sparse(x, adjacency, None)
    for backend in ("dense", "sparse"):
        module = layer(backend=backend)
        peer = TransformerConv(DIM, DIM // HEADS, heads=HEADS, root_weight=False).double()
        for ours, theirs in ((module.q, peer.lin_query), (module.k, peer.lin_key), (module.v, peer.lin_value)):
            theirs.load_state_dict(ours.state_dict())
        torch.testing.assert_close(module(x, edge_index), module.out(peer(x, edge_index)))


def test_an_edge_named_twice_counts_twice_sparse_and_is_refused_dense():
    x, _, _ = graph(3, seed=8)
    twice = torch.tensor([[0, 1, 1], [2, 2, 2]])
    assert not torch.equal(layer()(x, twice)[2], layer()(x, twice[:, 1:])[2])
    with pytest.raises(ValueError, match="more than once"):
        layer(backend="dense")(x, twice)


def test_dropout_only_in_training():
    x, adjacency, _ = graph(6, seed=9)
    module = layer(dropout=0.5)
    assert not torch.equal(module(x, adjacency), module(x, adjacency))
    module.eval()
    torch.testing.assert_close(module(x, adjacency), layer()(x, adjacency))


@pytest.mark.parametrize("quiet", [False, True])
@pytest.mark.parametrize("aggregation", ["sum", "mean", "max"])
@pytest.mark.parametrize("backend", ["dense", "sparse"])
def test_gradients_are_exact(quiet, aggregation, backend):
    x, adjacency, weight = graph(4, seed=10)
    module = layer(quiet=quiet, aggregation=aggregation, backend=backend)
    names = [name for name, _ in module.named_parameters()]

    def run(nodes, weight, *parameters):
        return torch.func.functional_call(
            module, dict(zip(names, parameters, strict=True)), (nodes, adjacency), {"edge_weight": weight}
        )

    leaves = [leaf.requires_grad_() for leaf in (x, weight, *(p.detach().clone() for p in module.parameters()))]
    assert torch.autograd.gradcheck(lambda *inputs: run(*inputs, *leaves[2:]), leaves[:2])
    # The parameters, hundreds of numbers, along random directions.
    assert torch.autograd.gradcheck(run, leaves, fast_mode=True)


@pytest.mark.parametrize("quiet", [False, True])
def test_gradients_of_the_fused_kernel_are_exact(quiet):
    x, adjacency, _ = graph(4, seed=10)
    module = layer(quiet=quiet, backend="dense")
    for edges in (adjacency, None):
        assert torch.autograd.gradcheck(lambda nodes, edges=edges: module(nodes, edges), (x.requires_grad_(),))


def test_second_derivatives_need_the_sparse_path():
    x, adjacency, _ = graph(4, seed=10)
    x.requires_grad_()
    assert torch.autograd.gradgradcheck(lambda nodes: layer(backend="sparse")(nodes, adjacency), (x,))
    for edges in (None, adjacency):
        (first,) = torch.autograd.grad(layer(backend="dense")(x, edges).pow(2).sum(), x, create_graph=True)
        with pytest.raises(RuntimeError, match="is not implemented"):
            first.sum().backward()


@pytest.mark.parametrize("quiet", [False, True])
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("backend", ["dense", "sparse"])
def test_attention_weights_are_the_softmax_before_dropout_and_edge_weights(quiet, weighted, backend):
    x, adjacency, weight = graph(6, seed=11)
    weight = weight if weighted else None
    module = layer(quiet=quiet, backend=backend, dropout=0.5).eval()
    out, (edges, attention) = module(x, adjacency, edge_weight=weight, return_attention_weights=True)
    torch.testing.assert_close(out, module(x, adjacency, edge_weight=weight))
    assert edges is adjacency
    q, k = (linear(x).view(6, HEADS, -1) for linear in (module.q, module.k))
    for h in range(HEADS):
        for i in range(6):
            exps = {j: math.exp((q[i, h] @ k[j, h]).item() / 2) for j in range(6) if adjacency[i, j]}
            total = sum(exps.values()) + (1.0 if quiet else 0.0)
            expected = [exps.get(j, 0.0) / (total or 1.0) for j in range(6)]
            torch.testing.assert_close(attention[h, i], torch.tensor(expected, dtype=torch.float64))
    edge_index, edge_weight = to_sparse(x, adjacency, weight)
    again, (given, along) = module(x, edge_index, edge_weight=edge_weight, return_attention_weights=True)
    torch.testing.assert_close(again, out)
    assert given is edge_index
    torch.testing.assert_close(along, attention[:, edge_index[1], edge_index[0]].T)


@pytest.mark.parametrize("backend", ["dense", "sparse"])
def test_attention_weights_of_batched_graphs(backend):
    (a, edges_a, _), (b, edges_b, _) = graph(5, seed=4), graph(5, seed=5)
    module, both = layer(backend=backend), torch.stack([a, b])
    edge_index, _ = to_sparse(a, edges_a, None)
    for edges in (None, edges_a, torch.stack([edges_a, edges_b]), edge_index):
        _, (_, together) = module(both, edges, return_attention_weights=True)
        for i in range(2):
            own = edges[i] if edges is not None and edges.dim() == 3 else edges
            torch.testing.assert_close(together[i], module(both[i], own, return_attention_weights=True)[1][1])


@pytest.mark.parametrize("backend", ["dense", "sparse"])
@pytest.mark.parametrize("quiet", [False, True])
@pytest.mark.parametrize("how", ["bfloat16", "autocast"])
def test_half_precision(backend, quiet, how):
    x, adjacency, weight = graph(9, seed=12)
    module = layer(quiet=quiet, backend=backend)
    for weight_or_none in (None, weight):
        expected = module(x, adjacency, edge_weight=weight_or_none)
        if how == "bfloat16":
            half = layer(quiet=quiet, backend=backend).bfloat16()
            out = half(x.bfloat16(), adjacency, edge_weight=None if weight_or_none is None else weight.bfloat16())
            assert out.dtype == torch.bfloat16
        else:
            with torch.autocast("cpu", dtype=torch.bfloat16):
                out = layer(quiet=quiet, backend=backend).float()(
                    x.float(), adjacency, edge_weight=None if weight_or_none is None else weight.float()
                )
        torch.testing.assert_close(out.double(), expected, atol=0.1, rtol=0.05)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"num_heads": 3}, "divide dim=8, and 3"),
        ({"num_heads": 0}, "divide dim=8, and 0"),
        ({"num_heads": 2, "aggregation": "median"}, "sum, mean, max, not 'median'"),
        ({"num_heads": 2, "dropout": 1.0}, "below 1, not 1.0"),
        ({"num_heads": 2, "backend": "fast"}, "auto, dense, sparse, not 'fast'"),
    ],
)
def test_wrong_arguments_are_named(arguments, message):
    with pytest.raises(ValueError, match=message):
        DotProductAttention(DIM, **arguments)


@pytest.mark.parametrize(
    ("edges", "weight", "message"),
    [
        (torch.ones(3, 4, dtype=torch.bool), None, r"\(5, 5\), not \(3, 4\)"),
        (torch.zeros(3, 4, dtype=torch.long), None, r"\(2, E\).*\(3, 4\)"),
        (torch.zeros(2, 4), None, "whole numbers.*torch.float32"),
        (torch.zeros(2, 4, dtype=torch.long), torch.ones(3), r"\(4,\), not \(3,\)"),
        (None, torch.ones(5), r"\(5, 5\), not \(5,\)"),
        (torch.tensor([[0, -1], [1, 2]]), None, "0 to 4, and it holds -1"),
        (torch.tensor([[0, 1], [1, 5]]), None, "0 to 4, and it holds 5"),
    ],
)
@pytest.mark.parametrize("backend", ["auto", "dense", "sparse"])
def test_wrong_edges_are_named(edges, weight, message, backend):
    with pytest.raises(ValueError, match=message):
        layer(backend=backend)(torch.zeros(5, DIM, dtype=torch.float64), edges, edge_weight=weight)


@pytest.mark.parametrize("quiet", [False, True])
@pytest.mark.parametrize("aggregation", ["sum", "mean", "max"])
@pytest.mark.parametrize("backend", ["auto", "dense", "sparse"])
def test_to_first_is_the_first_row_of_the_answer(quiet, aggregation, backend):
    module = layer(quiet=quiet, aggregation=aggregation, backend=backend).eval()
    x, deaf, weight = graph(7, seed=3)
    hearing = deaf.roll(1, 0)
    assert hearing[0].any()
    index = to_sparse(x, hearing, None)[0]
    along = weight[index[1], index[0]]
    for edges, weights in [
        (None, None),
        (None, weight),
        (deaf, None),
        (hearing, weight),
        (index, None),
        (index, along),
    ]:
        torch.testing.assert_close(
            module.to_first(x, edges, edge_weight=weights), module(x, edges, edge_weight=weights)[:1]
        )
    batch, both = torch.stack([x, x.flip(0), x + 1]), torch.stack([deaf, hearing, hearing.T])
    for edges, weights in [(None, None), (hearing, None), (both, None), (both, weight.expand(3, 7, 7)), (index, along)]:
        torch.testing.assert_close(
            module.to_first(batch, edges, edge_weight=weights), module(batch, edges, edge_weight=weights)[:, :1]
        )


def test_to_first_checks_its_arguments_too():
    with pytest.raises(ValueError, match="adjacency must have the shape"):
        layer().to_first(torch.randn(5, DIM).double(), torch.ones(4, 4).bool())
