"""Who gives edge weights and who takes them."""

from functools import partial

import pytest
import torch
from torch import nn
from torch_geometric.nn import GCNConv, SAGEConv
from torch_geometric.transforms import Compose

from gnn_dml.graphs import KNN, DropEdge, Threshold, gives_weights
from gnn_dml.layers import DotProductAttention, GATConv, GATv2Conv, TransformerConv, takes_weights
from gnn_dml.models import Refiner

TAKERS = [partial(DotProductAttention, num_heads=2), lambda dim: GCNConv(dim, dim)]
OTHERS = [
    *(partial(cls.for_dim, num_heads=2) for cls in (GATConv, GATv2Conv, TransformerConv)),
    lambda dim: SAGEConv(dim, dim),
]


class Wrapped(nn.Module):
    """Says itself that it takes weights."""

    takes_weights = True

    def forward(self, *anything):
        return anything[0]


@pytest.mark.parametrize("layer", [*TAKERS, lambda dim: Wrapped()])
def test_a_layer_that_takes_weights_fits_a_weighted_refiner(layer):
    assert takes_weights(layer(8))
    assert Refiner(8, 3, layer, weighted=True).weighted


@pytest.mark.parametrize("layer", OTHERS)
def test_a_weighted_refiner_refuses_a_layer_that_takes_none(layer):
    name = type(layer(8)).__name__
    assert not takes_weights(layer(8))
    with pytest.raises(ValueError, match=f"weighted=True needs a layer that takes edge weights, and {name} does not"):
        Refiner(8, 3, layer, weighted=True)
    Refiner(8, 3, layer)


def test_layers_answer_truly():
    """What a layer says of weights is seen in its output."""
    torch.manual_seed(0)
    x, (edges, weight) = torch.randn(6, 8), Threshold(0.0).edges(torch.randn(6, 8))
    attention = DotProductAttention(8, num_heads=2)
    assert not torch.equal(attention(x, edges, edge_weight=weight), attention(x, edges, edge_weight=None))


@pytest.mark.parametrize(
    ("topology", "expected"),
    [
        (KNN(2), False),
        (Threshold(0.1), True),
        (Compose([Threshold(0.1), DropEdge(0.1)]), True),
        (Compose([Threshold(0.1), KNN(2)]), False),
        (Compose([KNN(2), Threshold(0.1)]), True),
    ],
    ids=repr,
)
def test_a_topology_says_whether_it_gives_weights(topology, expected):
    assert gives_weights(topology) == expected
