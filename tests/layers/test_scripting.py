"""`torch.jit.script` of a model with our layers: PyG's own class is compiled, with our parameters."""

import pytest
import torch
import torch_geometric.nn as pyg
from torch import Tensor, nn

from gnn_dml.layers import GATConv, GATv2Conv, TransformerConv

PAIRS = [(GATConv, pyg.GATConv), (GATv2Conv, pyg.GATv2Conv), (TransformerConv, pyg.TransformerConv)]
EDGES = torch.tensor([[0, 1, 2, 3, 4], [1, 2, 3, 3, 0]])
X = torch.randn(5, 6, generator=torch.Generator().manual_seed(0))


class Alone(nn.Module):
    """A model of one layer."""

    def __init__(self, layer: nn.Module) -> None:
        super().__init__()
        self.layer = layer

    def forward(self, x: Tensor, edge_index: Tensor) -> Tensor:
        return self.layer(x, edge_index)


@pytest.mark.filterwarnings("ignore:`torch.jit.script` is deprecated")
def test_a_scripted_model_gives_the_same_numbers():
    """PyG's GATConv and GATv2Conv cannot be scripted by every version of torch."""
    layer = TransformerConv(6, 4, heads=2, beta=True)
    scripted = torch.jit.script(Alone(layer))
    torch.testing.assert_close(scripted(X, EDGES), layer(X, EDGES))
    for one, other in zip(layer.parameters(), scripted.layer.parameters(), strict=True):
        assert one.data_ptr() == other.data_ptr()


@pytest.mark.parametrize(("ours", "theirs"), PAIRS)
def test_pygs_class_stands_in_with_the_same_parameters(ours, theirs):
    torch.manual_seed(0)
    layer = ours(6, 4, heads=2)
    state = torch.get_rng_state()
    twin = layer.__prepare_scriptable__()
    assert torch.equal(torch.get_rng_state(), state)
    assert type(twin) is theirs
    assert type(layer) is ours
    for one, other in zip(layer.parameters(), twin.parameters(), strict=True):
        assert one is other
    torch.testing.assert_close(twin(X, EDGES), layer(X, EDGES))


@pytest.mark.parametrize(("ours", "theirs"), PAIRS)
def test_a_changed_layer_stays_what_it_is(ours, theirs):
    class Louder(ours):
        def message(self, *args: Tensor, **kwargs: Tensor) -> Tensor:
            return 2 * super().message(*args, **kwargs)

    watched = ours(6, 4)
    watched.register_propagate_forward_hook(lambda module, given, out: out)
    for layer in (Louder(6, 4), watched):
        assert layer.__prepare_scriptable__() is layer
