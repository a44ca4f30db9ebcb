"""Our GATConv against PyG's own class, with the same state dict."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch_geometric.nn import GATConv as PyGGATConv

from gnn_dml.layers import GATConv
from gnn_dml.layers.edges import to_sparse


def graph(n, seed, density=0.5):
    generator = torch.Generator().manual_seed(seed)
    x = torch.randn(n, 6, generator=generator, dtype=torch.float64)
    adjacency = torch.rand(n, n, generator=generator) < density
    adjacency[0] = False
    return x, adjacency


options = given(
    n=st.integers(1, 9),
    seed=st.integers(0, 1000),
    density=st.floats(0, 1),
    concat=st.booleans(),
    add_self_loops=st.booleans(),
    bias=st.booleans(),
    residual=st.booleans(),
)


@options
@settings(deadline=None, max_examples=60)
def test_dense_path_gives_pygs_numbers_and_gradients(n, seed, density, concat, add_self_loops, bias, residual):
    x, adjacency = graph(n, seed, density)
    arguments = {"concat": concat, "add_self_loops": add_self_loops, "bias": bias, "residual": residual}
    theirs = PyGGATConv(6, 4, heads=2, **arguments).double()
    ours = GATConv(6, 4, heads=2, backend="dense", **arguments).double()
    ours.load_state_dict(theirs.state_dict())
    edge_index, _ = to_sparse(x, adjacency, None)
    leaves = [x.clone().requires_grad_() for _ in range(2)]
    outs = [theirs(leaves[0], edge_index), ours(leaves[1], adjacency)]
    torch.testing.assert_close(outs[1], outs[0])
    for out in outs:
        (out * torch.arange(out.numel()).view_as(out)).sum().backward()
    torch.testing.assert_close(leaves[1].grad, leaves[0].grad)
    for mine, other in zip(ours.parameters(), theirs.parameters(), strict=True):
        torch.testing.assert_close(mine.grad, other.grad)


def test_state_dicts_go_both_ways():
    ours, theirs = GATConv(6, 4, heads=2), PyGGATConv(6, 4, heads=2)
    theirs.load_state_dict(ours.state_dict())
    ours.load_state_dict(theirs.state_dict())


def test_sparse_and_dense_backends_agree_whatever_form_the_edges_have():
    x, adjacency = graph(7, 1)
    edge_index, _ = to_sparse(x, adjacency, None)
    dense, sparse = (GATConv(6, 4, backend=backend).double() for backend in ("dense", "sparse"))
    sparse.load_state_dict(dense.state_dict())
    for edges in (adjacency, edge_index, None):
        torch.testing.assert_close(dense(x, edges), sparse(x, edges))


def test_batched_graphs_are_computed_apart():
    (a, edges_a), (b, edges_b) = graph(5, 2), graph(5, 3)
    for backend in ("dense", "sparse"):
        module = GATConv.for_dim(6, num_heads=3, backend=backend).double()
        together = module(torch.stack([a, b]), torch.stack([edges_a, edges_b]))
        torch.testing.assert_close(together, torch.stack([module(a, edges_a), module(b, edges_b)]))


def test_for_dim_leaves_self_loops_to_the_graph():
    x, adjacency = graph(5, 4)
    module = GATConv.for_dim(6, num_heads=2).double()
    torch.testing.assert_close(module(x, adjacency)[0], module.bias)
    assert module(x, adjacency).shape == x.shape


def test_wrong_arguments_are_named():
    with pytest.raises(ValueError, match="divide dim=6, and 4"):
        GATConv.for_dim(6, num_heads=4)
    with pytest.raises(ValueError, match="not 'fast'"):
        GATConv(6, 4, backend="fast")
    with pytest.raises(ValueError, match="takes no edge_weight"):
        GATConv(6, 4)(torch.zeros(2, 6), None, torch.ones(2, 2))
