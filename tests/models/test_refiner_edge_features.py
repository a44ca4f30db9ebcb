"""What a refiner tells its layers of the edges."""

from functools import partial

import pytest
import torch
from torch.nn.functional import normalize
from torch_geometric.nn import GCNConv

from gnn_dml.graphs import EDGE_FEATURES, KNN, edge_features
from gnn_dml.layers import DotProductAttention, GATConv, GATv2Conv, TransformerConv
from gnn_dml.layers.edges import to_sparse
from gnn_dml.models import Refiner

DIM = 8
DOT = partial(DotProductAttention, num_heads=2)
LAYERS = [DOT, *(partial(layer.for_dim, num_heads=2) for layer in (GATConv, GATv2Conv, TransformerConv))]


def refiner(layer=DOT, features=EDGE_FEATURES, moved=False, **arguments):
    torch.manual_seed(0)
    made = Refiner(DIM, 5, layer, edge_features=features, **{"scale_input": True, "start": "expansion", **arguments})
    if moved:  # the maps of the features have learned something
        with torch.no_grad():
            for name, parameter in made.named_parameters():
                if "edge" in name:
                    parameter.copy_(torch.linspace(0.1, 0.9, parameter.numel()).view_as(parameter))
    return made.double().eval()


def embeddings(*shape):
    x = torch.randn(*shape, DIM, generator=torch.Generator().manual_seed(3), dtype=torch.float64)
    return normalize(x, dim=-1)


@pytest.mark.parametrize("layer", LAYERS)
@pytest.mark.parametrize("start", ["expansion", "published"])
def test_their_effect_begins_at_0_and_moves(layer, start):
    x, edges = embeddings(6), KNN(3).adjacency(embeddings(6))
    module, plain = refiner(layer, start=start), refiner(layer, (), start=start)
    with torch.no_grad():
        module.load_state_dict(plain.state_dict(), strict=False)
    torch.testing.assert_close(module(x, edges).features[0], plain(x, edges).features[0])
    out = module(x, edges).logits[0]
    (out * torch.arange(out.numel()).view_as(out)).sum().backward()
    maps = {name: p for name, p in module.named_parameters() if name.endswith(("edge_map", "lin_edge.weight"))}
    assert len(maps) == 1
    assert all(not p.any() and p.grad.any() for p in maps.values())


def test_default_weights_are_drawn_as_without():
    one, other = refiner().state_dict(), refiner(features=()).state_dict()
    assert one.keys() - other.keys() == {"blocks.0.attention.edge_map"}
    assert all(torch.equal(one[name], other[name]) for name in other)


@pytest.mark.parametrize("layer", LAYERS)
def test_graphs_edges_and_nodes_in_any_form_and_order(layer):
    module = refiner(layer, moved=True, num_layers=2)
    x = embeddings(2, 6)
    edges = KNN(3).adjacency(x)
    together = module(x, edges).features[0]
    turned = torch.tensor([3, 0, 5, 1, 4, 2])
    for i in range(2):
        torch.testing.assert_close(module(x[i], edges[i]).features[0], together[i])
        torch.testing.assert_close(module(x[i], to_sparse(x[i], edges[i], None)[0]).features[0], together[i])
        moved = module(x[i][turned], edges[i][turned][:, turned]).features[0]
        torch.testing.assert_close(moved, together[i][turned])
    torch.testing.assert_close(module.first(x, edges), together[:, 0])
    assert not torch.allclose(together, refiner(layer, (), num_layers=2)(x, edges).features[0], atol=1e-3)


def test_they_are_of_the_embeddings_that_come_in_over_the_temperature():
    module = refiner(features=["rank", "similarity"], moved=True, temperature=0.2, num_layers=2)
    x = embeddings(6)
    nodes, told = module.reduce(x * DIM**0.5), edge_features(x, ["rank", "similarity"]) / 0.2
    for block in module.blocks:
        nodes = block.norm1(nodes + block.attention(nodes, None, told))
        nodes = block.norm2(nodes + block.feed_forward(nodes))
    torch.testing.assert_close(module(x).features[0], normalize(nodes, dim=-1))


def test_no_gradient_flows_through_them():
    """With queries and keys at 0 the attention knows the nodes by the features alone."""
    module = refiner(features=["similarity"], moved=True)
    attention = module.blocks[0].attention
    with torch.no_grad():
        for linear in (attention.q, attention.k):
            linear.weight.zero_()
    x = embeddings(6).requires_grad_()
    weights = module(x, return_attention_weights=True).attention[0][1]
    assert weights.std() > 0.01
    assert not torch.autograd.grad(weights.square().sum(), x)[0].any()


def test_a_layer_that_cannot_says_so():
    with pytest.raises(ValueError, match=r"edge_features=\[rank\] needs a layer with .* edge_dim .* and gcn has none"):
        Refiner(DIM, 5, gcn, edge_features=["rank"])
    with pytest.raises(ValueError, match="edge_features can hold similarity, rank, mutual, and it holds 'distance'"):
        refiner(features=["distance"])
    with pytest.raises(ValueError, match="mutual_k must be a whole number"):
        refiner(mutual_k=0)


def gcn(dim):
    return GCNConv(dim, dim)
