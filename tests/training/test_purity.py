"""The meter against attention taken from the layers by hand."""

from functools import partial

import pytest
import torch

from gnn_dml.graphs import KNN, ClassAware, Complete, Edges, Isolated, build_edges
from gnn_dml.layers import DotProductAttention, GATConv
from gnn_dml.layers.edges import to_sparse
from gnn_dml.models import Refiner
from gnn_dml.training.look import look_inside
from gnn_dml.training.purity import PurityMeter, uniform_attention

DOT_PRODUCT = partial(DotProductAttention, num_heads=2)
LABELS = torch.tensor([0, 0, 1, 1, 2, 2])


def refiner(layer=DOT_PRODUCT, **arguments):
    torch.manual_seed(0)
    return Refiner(8, 3, layer, num_layers=2, **arguments)


def update(meter, module, x, edges):
    if views := look_inside(module, x, edges):
        meter.add(views, edges, LABELS)


def batches():
    generator = torch.Generator().manual_seed(1)
    return [torch.randn(6, 8, generator=generator) for _ in range(3)]


@pytest.mark.parametrize("layer", [DOT_PRODUCT, partial(GATConv.for_dim, num_heads=2)])
@pytest.mark.parametrize("topology", [Complete(), KNN(3)])
@pytest.mark.parametrize("as_index", [False, True])
@pytest.mark.parametrize("backend", ["dense", "sparse"])
def test_purity_is_the_share_over_all_batches(layer, topology, as_index, backend):
    module, meter = refiner(partial(layer, backend=backend), dropout=0.5), PurityMeter()
    module.train()
    sums = torch.zeros(2, 2, 2)  # same and others, layer, head
    for x in batches():
        edges = build_edges(topology, x, LABELS)
        given = edges._replace(edges=to_sparse(x, edges.edges, None)[0]) if as_index else edges
        update(meter, module, x, given)
        hidden = module.eval().reduce(x)
        for number, block in enumerate(module.blocks):
            _, (_, attention) = block.attention(hidden, edges.edges, return_attention_weights=True)
            hidden = block(hidden, edges.edges)
            for i in range(6):
                for j in range(6):
                    if i != j:
                        sums[1, number] += attention[:, i, j]
                        sums[0, number] += attention[:, i, j] * (LABELS[i] == LABELS[j])
        module.train()
    row = meter.row()
    for number in range(2):
        for head in range(2):
            expected = (sums[0] / sums[1])[number, head].item()
            assert row[f"purity_layer{number + 1}_head{head + 1}"] == pytest.approx(expected, rel=1e-4)
    assert len(row) == 5


def test_chance_is_what_indifferent_attention_would_give():
    meter = PurityMeter()
    for x in batches():
        update(meter, refiner(), x, build_edges(Complete(), x, LABELS))
    assert meter.row()["purity_chance"] == pytest.approx(1 / 5)  # one class-mate among five others


def test_label_built_graphs_and_isolated_nodes():
    x = batches()[0]
    for topology, expected in ((ClassAware("same"), 1.0), (ClassAware("other"), 0.0)):
        meter = PurityMeter()
        update(meter, refiner(), x, build_edges(topology, x, LABELS))
        assert list(meter.row().values()) == pytest.approx([expected] * 5)
    meter = PurityMeter()
    update(meter, refiner(), x, build_edges(Isolated(), x, LABELS))
    assert all(value != value for value in meter.row().values())


def test_uniform_attention_in_both_forms():
    adjacency = torch.tensor([[1, 1, 0], [0, 0, 0], [1, 1, 1]]).bool()
    labels = torch.zeros(3, dtype=torch.long)
    matrix = uniform_attention(adjacency, labels)
    torch.testing.assert_close(matrix[0], torch.tensor([[0.5, 0.5, 0], [0, 0, 0], [1 / 3, 1 / 3, 1 / 3]]))
    index, _ = to_sparse(torch.zeros(3, 2), adjacency, None)
    torch.testing.assert_close(uniform_attention(index, labels)[:, 0], matrix[0, index[1], index[0]])
    torch.testing.assert_close(uniform_attention(None, labels), torch.full((1, 3, 3), 1 / 3))


def test_measuring_changes_nothing():
    """No random number is drawn, no running statistic moves, the mode stays."""
    module = refiner(dropout=0.5).train()
    state, random = {k: v.clone() for k, v in module.state_dict().items()}, torch.get_rng_state()
    x = batches()[0]
    update(PurityMeter(), module, x, build_edges(Complete(), x, LABELS))
    assert torch.equal(torch.get_rng_state(), random)
    assert all(torch.equal(value, state[key]) for key, value in module.state_dict().items())
    assert module.training
    assert module.blocks[0].dropout.training


def test_a_part_frozen_by_hand_stays_frozen():
    module = refiner().train()
    module.necks[0].eval()
    x = batches()[0]
    update(PurityMeter(), module, x, build_edges(Complete(), x, LABELS))
    assert not module.necks[0].norm.training
    assert module.blocks[0].training
    with pytest.raises(ValueError, match="must have the shape"):
        update(PurityMeter(), module, x, Edges(torch.ones(2, 2, dtype=torch.bool), None))
    assert module.training


@pytest.mark.parametrize("backend", ["dense", "sparse"])
def test_self_loops_that_the_layer_adds_itself(backend):
    """PyG's own default; the attention then runs along other edges than those given."""
    layer = partial(GATConv, out_channels=4, heads=2, backend=backend)
    x = batches()[0]
    edges = KNN(3, loop=False).adjacency(x)
    as_matrix, as_index = PurityMeter(), PurityMeter()
    update(as_matrix, refiner(layer), x, Edges(edges, None))
    update(as_index, refiner(layer), x, Edges(to_sparse(x, edges, None)[0], None))
    assert list(as_index.row().values()) == pytest.approx(list(as_matrix.row().values()), rel=1e-4)


class Mean(torch.nn.Module):
    """A layer of one's own, by the contract of `RefinerBlock`: it has no attention."""

    def forward(self, x, edges=None, edge_weight=None):
        return x.mean(-2, keepdim=True).expand_as(x)


def test_a_layer_without_attention_has_no_purity():
    meter = PurityMeter()
    x = batches()[0]
    update(meter, refiner(lambda dim: Mean()), x, build_edges(Complete(), x, LABELS))
    assert meter.row() == {}


def test_nothing_measured_is_nothing_said():
    assert PurityMeter().row() == {}
