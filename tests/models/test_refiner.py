from functools import partial

import pytest
import torch

from gnn_dml.graphs import KNN, Threshold
from gnn_dml.layers import DotProductAttention, GATConv
from gnn_dml.layers.edges import to_sparse
from gnn_dml.models import Neck, Refiner

LAYERS = [partial(DotProductAttention, num_heads=2), partial(GATConv.for_dim, num_heads=2)]


def on(backend, module):
    """The refiner with a path forced on every layer."""
    for block in module.blocks:
        block.attention.backend = backend
    return module


def refiner(layer=LAYERS[0], **arguments):
    torch.manual_seed(0)
    return Refiner(8, 5, layer, **arguments).double()


@pytest.mark.parametrize("layer", LAYERS)
@pytest.mark.parametrize(("output", "entries", "width"), [("last", 1, 4), ("concatenated", 1, 12), ("every", 3, 4)])
def test_shapes_and_norms(layer, output, entries, width):
    x = torch.randn(6, 8, dtype=torch.float64)
    out = refiner(layer, num_layers=3, reduction=2, output=output)(x, KNN(2).adjacency(x))
    assert len(out.features) == len(out.logits) == entries
    for features, logits in zip(out.features, out.logits, strict=True):
        assert features.shape == (6, width)
        assert logits.shape == (6, 5)
        torch.testing.assert_close(features.norm(dim=1), torch.ones(6, dtype=torch.float64))


def test_block_is_what_the_paper_writes():
    """Attention, residual, norm; feed-forward, residual, norm: written out with the block's own parts."""
    module = refiner()
    block = module.blocks[0]
    x = torch.randn(6, 8, dtype=torch.float64)
    attended = block.norm1(x + block.attention(x, None))
    first, last = block.feed_forward[0], block.feed_forward[3]
    assert first.out_features == 4 * 8
    expected = block.norm2(attended + last(first(attended).clamp(min=0)))
    torch.testing.assert_close(block(x, None), expected)


@pytest.mark.parametrize("layer", LAYERS)
def test_batched_graphs_equal_single_ones_in_eval_mode(layer):
    module = refiner(layer, num_layers=2).eval()
    x = torch.randn(3, 6, 8, dtype=torch.float64)
    adjacency = KNN(2).adjacency(x)
    together = module(x, adjacency)
    for graph in range(3):
        alone = module(x[graph], adjacency[graph])
        torch.testing.assert_close(together.features[0][graph], alone.features[0])
        torch.testing.assert_close(together.logits[0][graph], alone.logits[0])


@pytest.mark.parametrize("layer", LAYERS)
def test_edge_index_and_adjacency_give_the_same(layer):
    module = refiner(layer, num_layers=2).eval()
    x = torch.randn(6, 8, dtype=torch.float64)
    adjacency = KNN(2).adjacency(x)
    dense = on("dense", module)(x, adjacency)
    sparse = on("sparse", module)(x, to_sparse(x, adjacency, None)[0])
    torch.testing.assert_close(dense.features[0], sparse.features[0])


@pytest.mark.parametrize("sparse", [False, True])
def test_weights_multiply_the_attention_where_the_refiner_is_weighted(sparse):
    """The block written out with the layer's own answer to the weights; the other refiner ignores them."""
    x = torch.randn(6, 8, dtype=torch.float64)
    edges, weight = Threshold(0.0).edges(x)
    if sparse:
        edges, weight = to_sparse(x, edges, weight)
    backend = "sparse" if sparse else "dense"
    plain, weighted = (on(backend, refiner(weighted=flag).eval()) for flag in (False, True))
    assert plain.state_dict().keys() == weighted.state_dict().keys()
    block, reduced = weighted.blocks[0], weighted.reduce(x)
    attended = block.norm1(reduced + block.attention(reduced, edges, edge_weight=weight))
    expected = block.norm2(attended + block.feed_forward(attended))
    torch.testing.assert_close(weighted(x, edges, weight).features[0], torch.nn.functional.normalize(expected, dim=-1))
    torch.testing.assert_close(plain(x, edges, weight).features[0], plain(x, edges).features[0])
    assert not torch.allclose(plain(x, edges).features[0], weighted(x, edges, weight).features[0])


def test_a_weighted_refiner_needs_weights():
    with pytest.raises(ValueError, match="weighted=True multiplies the attention by edge weights, and edge_weight is"):
        refiner(weighted=True)(torch.randn(6, 8, dtype=torch.float64))


def test_layers_that_take_no_weights_are_spared_them():
    x = torch.randn(6, 8, dtype=torch.float64)
    assert refiner(LAYERS[1])(x, *Threshold(0.0).edges(x)).features[0].shape == (6, 8)


def test_isolated_nodes_are_refined_alone():
    """Without edges between nodes, what one node holds cannot change another."""
    module = refiner().eval()
    x = torch.randn(4, 8, dtype=torch.float64)
    other = x.clone()
    other[1:] += 1
    eye = torch.eye(4, dtype=torch.bool)
    torch.testing.assert_close(module(x, eye).features[0][0], module(other, eye).features[0][0])
    assert not torch.allclose(module(x).features[0][0], module(other).features[0][0])


def test_neck_bias_is_frozen_and_classifier_has_none():
    neck = Neck(8, 5)
    assert neck.norm.bias.tolist() == [0.0] * 8
    assert not neck.norm.bias.requires_grad
    assert neck.classifier.bias is None
    assert neck.classifier.weight.std() < 0.002


def test_neck_sees_all_leading_dimensions_as_one_batch():
    neck = Neck(8, 5)
    x = torch.randn(2, 3, 8)
    torch.testing.assert_close(neck(x), neck(x.reshape(6, 8)).reshape(2, 3, 5))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"num_layers": 0}, "at least 1, not 0"),
        ({"reduction": 3}, "divide dim=8, and 3"),
        ({"output": "first"}, "last, concatenated, every, not 'first'"),
    ],
)
def test_wrong_arguments_are_named(arguments, message):
    with pytest.raises(ValueError, match=message):
        refiner(**arguments)


@pytest.mark.parametrize("layer", LAYERS)
@pytest.mark.parametrize("output", ["last", "concatenated", "every"])
@pytest.mark.parametrize("num_layers", [1, 3])
def test_first_is_the_first_node_of_the_whole_answer(layer, output, num_layers):
    module = refiner(layer, num_layers=num_layers, reduction=2, output=output).eval()
    x = torch.randn(4, 6, 8, dtype=torch.float64)
    adjacency = KNN(2).adjacency(x)
    index = to_sparse(x[0], adjacency[0], None)[0]
    for edges in (None, adjacency, adjacency[0], index):
        torch.testing.assert_close(module.first(x, edges), module(x, edges).features[-1][:, 0], atol=1e-6, rtol=0)
        if edges is not adjacency:
            alone = module(x[1], edges).features[-1][0]
            torch.testing.assert_close(module.first(x[1], edges), alone, atol=1e-6, rtol=0)


def test_first_takes_weights_as_the_whole_answer_does():
    x = torch.randn(4, 6, 8, dtype=torch.float64)
    edges, weight = Threshold(0.0).edges(x)
    module = refiner(weighted=True, num_layers=2).eval()
    torch.testing.assert_close(module.first(x, edges, weight), module(x, edges, edge_weight=weight).features[-1][:, 0])
    assert not torch.allclose(module.first(x, edges, weight), module.first(x, edges, torch.ones_like(weight)))
    with pytest.raises(ValueError, match="edge_weight is None"):
        module.first(x, edges)
