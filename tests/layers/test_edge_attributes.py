"""Features of edges in every layer: the same numbers on both paths and in every form, and those of the formula."""

import pytest
import torch
import torch_geometric.nn as pyg
from torch_geometric.utils import to_torch_coo_tensor

from gnn_dml.layers import DotProductAttention, GATConv, GATv2Conv, TransformerConv
from gnn_dml.layers.edges import to_sparse
from gnn_dml.layers.softmax import dense_softmax

DIM, HEADS, F = 6, 2, 3
LAYERS = [DotProductAttention, GATConv.for_dim, GATv2Conv.for_dim, TransformerConv.for_dim]
every = pytest.mark.parametrize("make", LAYERS, ids=lambda make: make.__qualname__)


def made(make, backend="dense", **arguments):
    torch.manual_seed(0)
    layer = make(DIM, num_heads=HEADS, edge_dim=F, backend=backend, **arguments).double()
    with torch.no_grad():
        for parameter in layer.parameters():
            parameter.normal_()
    return layer


def batch(graphs=2, n=5, density=0.5):
    """Nodes, edges (the first node of the first graph hears nobody) and features."""
    generator = torch.Generator().manual_seed(1)
    x = torch.randn(graphs, n, DIM, generator=generator, dtype=torch.float64)
    adjacency = torch.rand(graphs, n, n, generator=generator) < density
    adjacency[0, 0] = False
    return x, adjacency, torch.randn(graphs, n, n, F, generator=generator, dtype=torch.float64)


def along(adjacency, features):
    """The edges of a matrix one by one."""
    index = to_sparse(torch.zeros(len(adjacency), 1), adjacency, None)[0]
    return index, features[index[1], index[0]]


@every
def test_every_form_on_both_paths_gives_the_same(make):
    dense, sparse = made(make), made(make, "sparse")
    x, adjacency, features = batch()
    for edges in (adjacency, adjacency[1], None):
        torch.testing.assert_close(sparse(x, edges, features), dense(x, edges, features))
    expected = dense(x, adjacency, features)
    for i in range(2):
        index, attributes = along(adjacency[i], features[i])
        for layer in (dense, sparse):
            torch.testing.assert_close(layer(x[i], adjacency[i], features[i]), expected[i])
            torch.testing.assert_close(layer(x[i], index, attributes), expected[i])
    shared = dense(x, adjacency, features[0])
    torch.testing.assert_close(shared, dense(x, adjacency, features[:1].expand(2, -1, -1, -1)))
    torch.testing.assert_close(sparse(x, adjacency, features[0]), shared)
    index, first = along(adjacency[1], features[0])
    both = torch.stack([first, features[1][index[1], index[0]]])
    expected = dense(x, adjacency[1], features)
    for layer in (dense, sparse):
        torch.testing.assert_close(layer(x, index, both), expected)
        torch.testing.assert_close(layer(x, index, first), dense(x, adjacency[1], features[0]))


@every
def test_gradients_and_attention_are_the_same_on_both_paths(make):
    x, adjacency, features = batch()
    found = []
    for backend in ("dense", "sparse"):
        layer, given = made(make, backend), features.clone().requires_grad_()
        out = layer(x, adjacency, given)
        weights = torch.arange(out.numel()).view_as(out) / out.numel()
        leaves = [given, *layer.parameters()]
        asked, (_, attention) = layer(x, adjacency, given, return_attention_weights=True)
        torch.testing.assert_close(asked, out)
        found.append([attention, *torch.autograd.grad((out * weights).sum(), leaves)])
    for one, other in zip(*found, strict=True):
        torch.testing.assert_close(one, other)
    assert all(gradient.any() for gradient in found[0])


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [(GATConv, pyg.GATConv), (GATv2Conv, pyg.GATv2Conv), (TransformerConv, pyg.TransformerConv)],
)
def test_the_dense_path_is_pygs_formula(ours, theirs):
    x, adjacency, features = batch()
    layer = made(ours.for_dim)
    loops = {} if ours is TransformerConv else {"add_self_loops": False}
    peer = theirs(DIM, DIM // HEADS, heads=HEADS, edge_dim=F, **loops).double()
    peer.load_state_dict(layer.state_dict())
    index, attributes = along(adjacency[1], features[1])
    torch.testing.assert_close(layer(x[1], adjacency[1], features[1]), peer(x[1], index, attributes))
    # With the self-loops that PyG adds only its own path knows their features; without features it is PyG's affair.
    looped = {} if ours is TransformerConv else {"add_self_loops": True}
    own, other = (kind(DIM, 4, heads=HEADS, edge_dim=F, **looped).double() for kind in (ours, theirs))
    own.load_state_dict(other.state_dict())
    torch.testing.assert_close(own(x[1], adjacency[1], features[1]), other(x[1], index, attributes))
    if ours is not TransformerConv:
        torch.testing.assert_close(own(x[1], adjacency[1]), other(x[1], index))


@pytest.mark.parametrize("options", [{}, {"quiet": True}, {"aggregation": "mean"}, {"aggregation": "max"}])
def test_dot_product_attention_adds_a_map_of_the_features_to_its_logits(options):
    x, adjacency, features = batch()
    layer = made(DotProductAttention, **options)
    q, k, v = (linear(x[1]).unflatten(-1, (HEADS, -1)).transpose(0, 1) for linear in (layer.q, layer.k, layer.v))
    added = torch.einsum("ijf,hf->hij", features[1], layer.edge_map)
    scores = q @ k.mT / (DIM / HEADS) ** 0.5 + added
    weights = dense_softmax(scores, adjacency[1], quiet=layer.quiet)
    messages = (weights[..., None] * v[:, None]).transpose(0, 1)  # (N, H, N, d)
    heard = adjacency[1][:, None, :, None]
    if layer.aggregation == "max":
        received = messages.masked_fill(~heard, -torch.inf).amax(2)
    else:
        received = messages.sum(2)
        if layer.aggregation == "mean":
            received = received / adjacency[1].sum(-1)[:, None, None]
    expected = layer.out(torch.where(heard.any(2), received, 0.0).flatten(1))
    torch.testing.assert_close(layer(x[1], adjacency[1], features[1]), expected)
    torch.testing.assert_close(
        made(DotProductAttention, "sparse", **options)(x[1], adjacency[1], features[1]), expected
    )
    torch.testing.assert_close(layer.to_first(x, adjacency, features), layer(x, adjacency, features)[:, :1])


def test_without_effect_at_first_to_the_bit():
    """And no random number is drawn for it, so that all else begins as without."""
    torch.manual_seed(0)
    plain = DotProductAttention(DIM, HEADS)
    torch.manual_seed(0)
    layer = DotProductAttention(DIM, HEADS, edge_dim=F)
    assert torch.equal(layer.q.weight, plain.q.weight)
    assert torch.equal(layer.out.weight, plain.out.weight)
    x, adjacency, features = batch(n=40)
    x, features = x.float(), features.float()
    with torch.no_grad():
        for edges in (adjacency, None):
            assert torch.equal(layer(x, edges, features), plain(x, edges))
    assert layer.state_dict().keys() - plain.state_dict().keys() == {"edge_map"}


def test_a_sparse_adjacency_takes_features_along_its_edges():
    x, adjacency, features = batch()
    layer = made(DotProductAttention)
    index, attributes = along(adjacency[1], features[1])
    sparse = to_torch_coo_tensor(index.flip(0), size=5)
    torch.testing.assert_close(layer(x[1], sparse, attributes), layer(x[1], index, attributes))


@every
def test_features_of_another_shape_are_refused(make):
    x, adjacency, features = batch()
    with pytest.raises(ValueError, match=r"shape \(5, 5, 3\) beside these edges, not \(2, 5, 5, 2\)"):
        made(make)(x, adjacency, features[..., :2])
    with pytest.raises(ValueError, match=r"shape \(1, 3\) beside these edges, not \(2, 3\)"):
        made(make)(x, torch.tensor([[0], [1]]), torch.zeros(2, 3))
    with pytest.raises(ValueError, match="built with edge_dim"):
        make(DIM, num_heads=HEADS).double()(x, adjacency, features)


def test_a_wrong_number_of_features_is_named():
    with pytest.raises(ValueError, match="edge_dim must be at least 1 or null, not 0"):
        DotProductAttention(DIM, HEADS, edge_dim=0)
