"""What a user changes in the steps of message passing is what is computed, on whatever path and graph."""

import functools

import pytest
import torch
import torch_geometric.nn as pyg
from torch_geometric.explain.algorithm.utils import clear_masks, set_masks
from torch_geometric.nn.aggr import MaxAggregation

from gnn_dml.layers import DotProductAttention, GATConv, GATv2Conv, TransformerConv
from gnn_dml.layers.edges import to_sparse

DIM = 8
LAYERS = [GATConv, GATv2Conv, TransformerConv, DotProductAttention]
every = pytest.mark.parametrize("ours", LAYERS)
X = torch.randn(6, DIM, generator=torch.Generator().manual_seed(0))
EDGES = to_sparse(X, None, None)[0]


def make(cls, backend="auto", state=None):
    torch.manual_seed(0)
    made = (
        cls(DIM, 2, backend=backend) if issubclass(cls, DotProductAttention) else cls(DIM, 4, heads=2, backend=backend)
    )
    if state is not None:
        made.load_state_dict(state.state_dict())
    return made.eval()


@every
def test_an_untouched_layer_has_its_own_steps(ours):
    layer = make(ours)
    assert layer.has_own_steps()
    layer(X)
    assert layer.has_own_steps()
    assert type(f"Sub{ours.__name__}", (ours,), {})(
        *((DIM, 2) if ours is DotProductAttention else (DIM, 4))
    ).has_own_steps()


@every
@pytest.mark.parametrize("step", ["message", "edge_update", "aggregate", "update", "propagate"])
def test_an_override_is_called_whatever_the_edges(ours, step):
    if step == "edge_update" and ours is TransformerConv:
        pytest.skip("TransformerConv has no edge_update")

    Silent = type(f"Silent{ours.__name__}{step}", (ours,), {})  # PyG tells classes apart by their names
    inherited = pyg.MessagePassing.propagate if step == "propagate" else getattr(ours, step)

    @functools.wraps(inherited)
    def changed(self, *args, **kwargs):
        return 0 * inherited(self, *args, **kwargs)

    setattr(Silent, step, changed)
    layer = make(Silent)
    assert not layer.has_own_steps()
    matrix = torch.ones(6, 6, dtype=torch.bool)
    expected = layer(X, EDGES)
    assert not torch.allclose(expected, make(ours)(X, EDGES))
    for edges in (None, matrix):
        torch.testing.assert_close(layer(X, edges), expected)
    with pytest.raises(ValueError, match="would pass over the steps of message passing that Silent"):
        make(Silent, "dense")


@every
@pytest.mark.parametrize("hook", ["propagate_forward", "message_forward", "aggregate_forward", "message_forward_pre"])
@pytest.mark.parametrize("backend", ["auto", "dense"])
def test_a_hook_is_called_whatever_the_edges(ours, hook, backend):
    layer, calls = make(ours, backend), []
    handle = getattr(layer, f"register_{hook}_hook")(lambda *given: calls.append(1))
    layer(X)
    layer(X, EDGES)
    layer(X.expand(2, -1, -1))
    assert len(calls) == 3
    handle.remove()
    layer(X)
    assert len(calls) == 3


@every
def test_a_hook_at_the_scores_is_called(ours):
    if ours is TransformerConv:
        pytest.skip("TransformerConv has no edge_update")
    layer, calls = make(ours), []
    layer.register_edge_update_forward_hook(lambda *given: calls.append(1))
    layer(X)
    assert calls == [1]


@every
def test_what_is_changed_on_the_object_counts_too(ours):
    expected = make(ours, "sparse")
    for layer in (expected, changed := make(ours)):
        layer.aggr_module = MaxAggregation()
    torch.testing.assert_close(changed(X), expected(X, EDGES))
    replaced = make(ours)
    replaced.update = lambda inputs: 0 * inputs
    assert not torch.allclose(replaced(X), make(ours)(X))
    watched, calls = make(ours), []
    watched.aggr_module.register_forward_hook(lambda *given: calls.append(1))
    watched(X)
    assert calls == [1]


@every
@pytest.mark.parametrize("backend", ["auto", "dense", "sparse"])
def test_the_mask_of_an_explainer_reaches_the_messages(ours, backend):
    """Edges masked to 0 are as edges whose messages are 0."""
    layer = make(ours, backend)
    plain = layer(X, EDGES)
    set_masks(layer, torch.zeros(EDGES.size(1)), EDGES, apply_sigmoid=False)
    masked = layer(X, EDGES)
    own = {TransformerConv: lambda: layer.lin_skip(X), DotProductAttention: lambda: layer.out.bias.expand_as(X)}
    torch.testing.assert_close(masked, own[ours]() if ours in own else layer.bias.expand_as(X))
    assert not torch.allclose(masked, plain)
    clear_masks(layer)
    torch.testing.assert_close(layer(X, EDGES), plain)


@every
def test_a_class_of_ones_own_has_masks_too(ours):
    """Built after the class it stems from, whose compiled steps it must not inherit."""
    make(ours)
    layer = make(type(f"Own{ours.__name__}", (ours,), {}), "sparse")
    plain = layer(X, EDGES)
    set_masks(layer, torch.zeros(EDGES.size(1)), EDGES, apply_sigmoid=False)
    assert not torch.allclose(layer(X, EDGES), plain)


def test_to_first_calls_a_forward_of_ones_own():
    class Twice(DotProductAttention):
        def forward(self, *args, **kwargs):
            return 2 * super().forward(*args, **kwargs)

    layer = make(Twice)
    torch.testing.assert_close(layer.to_first(X), layer(X)[:1])
    hooked = make(DotProductAttention)
    hooked.register_forward_hook(lambda module, given, out: 2 * out)
    torch.testing.assert_close(hooked.to_first(X), hooked(X)[:1])
