"""PyG's calling convention: whatever its class takes, ours takes, and gives the same numbers."""

import inspect

import pytest
import torch
import torch_geometric.nn as pyg
from torch_geometric import EdgeIndex
from torch_geometric.inspector import Inspector
from torch_geometric.nn import HeteroConv, Sequential, summary, to_hetero
from torch_geometric.utils import to_torch_coo_tensor, to_torch_csc_tensor, to_torch_csr_tensor

from gnn_dml.layers import DotProductAttention, GATConv, GATv2Conv, TransformerConv

DIM, CHANNELS, HEADS = 6, 4, 2
PAIRS = [(GATConv, pyg.GATConv), (GATv2Conv, pyg.GATv2Conv), (TransformerConv, pyg.TransformerConv)]
pairs = pytest.mark.parametrize(("ours", "theirs"), PAIRS)
EDGES = torch.tensor([[0, 1, 2, 3, 4, 4, 1], [1, 2, 3, 3, 0, 1, 4]])
FEATURES = torch.randn(7, 3, generator=torch.Generator().manual_seed(1))
X = torch.randn(5, DIM, generator=torch.Generator().manual_seed(0))


class Alone(torch.nn.Module):
    """A model of one layer."""

    def __init__(self, layer):
        super().__init__()
        self.layer = layer

    def forward(self, x, edge_index):
        return self.layer(x, edge_index)


def twins(ours, theirs, channels=DIM, **arguments):
    torch.manual_seed(0)
    peer = theirs(channels, CHANNELS, heads=HEADS, **arguments)
    made = ours(channels, CHANNELS, heads=HEADS, **arguments)
    made.load_state_dict(peer.state_dict())
    return made, peer


def assert_same(found, expected):
    """The same structure, types and numbers."""
    if isinstance(expected, tuple):
        assert isinstance(found, tuple)
        for one, other in zip(found, expected, strict=True):
            assert_same(one, other)
    elif expected.layout == torch.strided:
        assert found.dtype == expected.dtype
        torch.testing.assert_close(found, expected)
    else:
        assert found.layout == expected.layout
        torch.testing.assert_close(found.to_dense(), expected.to_dense())


@pairs
def test_pygs_inspector_reads_the_types_of_its_own_class(ours, theirs):
    found, expected = Inspector(ours), Inspector(theirs)
    for call, left_out in (("propagate", [0, "size"]), ("edge_updater", [0, "size"])):
        params = found.get_params_from_method_call(call, left_out)
        assert params == expected.get_params_from_method_call(call, left_out)
        assert params or (ours, call) == (TransformerConv, "edge_updater")


@pairs
def test_arguments_stand_where_pygs_stand(ours, theirs):
    expected = list(inspect.signature(theirs.forward).parameters)
    found = inspect.signature(ours.forward).parameters
    assert list(found)[: len(expected)] == expected
    assert {name for name in found if name not in expected} == {"edge_weight"}
    assert found["edge_weight"].kind is inspect.Parameter.KEYWORD_ONLY


@pairs
@pytest.mark.parametrize("asked", [None, True, False])
def test_by_position_and_by_keyword(ours, theirs, asked):
    made, peer = twins(ours, theirs, edge_dim=3)
    size = [None] if "size" in inspect.signature(theirs.forward).parameters else []
    expected = peer(X, EDGES, FEATURES, *size, asked)
    assert_same(made(X, EDGES, FEATURES, *size, asked), expected)
    assert_same(
        made(x=X, edge_index=EDGES, edge_attr=FEATURES, return_attention_weights=asked),
        expected,
    )
    made, peer = twins(ours, theirs)
    for nodes in (X, X[:, :DIM].repeat(20, 1)):  # on the dense path, and on the sparse one
        assert_same(made(nodes, EDGES, None, *size, asked), peer(nodes, EDGES, None, *size, asked))


@pairs
@pytest.mark.parametrize("form", ["int32", "int16", "EdgeIndex", "coo", "csr", "csc"])
@pytest.mark.parametrize("asked", [None, True])
@pytest.mark.parametrize("repeats", [1, 30])
def test_every_form_of_edges(ours, theirs, form, asked, repeats):
    nodes = X.repeat(repeats, 1)
    n = len(nodes)
    made, peer = twins(ours, theirs)
    given = {
        "int32": EDGES.int(),
        "int16": EDGES.short(),
        "EdgeIndex": EdgeIndex(EDGES, sparse_size=(n, n)),
        "coo": to_torch_coo_tensor(EDGES.flip(0), size=n),
        "csr": to_torch_csr_tensor(EDGES.flip(0), size=n),
        "csc": to_torch_csc_tensor(EDGES, size=n).t(),
    }[form]
    if form in ("coo", "csr", "csc") and asked:
        assert_same(
            made(nodes, given, return_attention_weights=True), peer(nodes, given, return_attention_weights=True)
        )
    else:
        expected = peer(nodes, EDGES, return_attention_weights=asked)
        found = made(nodes, given, return_attention_weights=asked)
        torch.testing.assert_close(found[0] if asked else found, expected[0] if asked else expected)
        if asked:
            torch.testing.assert_close(found[1][1], expected[1][1])


@pytest.mark.parametrize("convert", [to_torch_coo_tensor, to_torch_csr_tensor])
def test_values_of_a_sparse_adjacency_are_the_weights_of_dot_product_attention(convert):
    layer = DotProductAttention(DIM, 2)
    weight = torch.rand(EDGES.size(1))
    adjacency = convert(EDGES.flip(0), weight, size=5)
    torch.testing.assert_close(layer(X, adjacency), layer(X, EDGES, edge_weight=weight))
    expected, (_, attention) = layer(X, EDGES, return_attention_weights=True, edge_weight=weight)
    out, (given, _) = layer(X, adjacency, return_attention_weights=True)
    torch.testing.assert_close(out, expected)
    dense = torch.zeros(5, 5, 2).index_put((EDGES[1], EDGES[0]), attention)
    torch.testing.assert_close(given.to_dense(), dense)
    with pytest.raises(ValueError, match="edge_weight="):
        layer(X, EDGES, weight)


@pairs
@pytest.mark.parametrize("as_list", [False, True])
def test_sources_and_targets_apart(ours, theirs, as_list):
    both = X, torch.randn(3, 5)
    edges = torch.tensor([[0, 4, 2, 3], [0, 1, 1, 2]])
    loops = {} if ours is TransformerConv else {"add_self_loops": False}
    made, peer = twins(ours, theirs, (DIM, 5), **loops)
    pair = list(both) if as_list else both
    for asked in (None, True):
        assert_same(
            made(pair, edges, return_attention_weights=asked), peer(pair, edges, return_attention_weights=asked)
        )
    if ours is GATConv:
        nobody = [X, None] if as_list else (X, None)
        assert_same(made(nobody, edges, size=(5, 3)), peer(nobody, edges, size=(5, 3)))
        made, peer = twins(ours, theirs)
        assert_same(made(X, EDGES, None, (5, 5)), peer(X, EDGES, None, (5, 5)))
        with pytest.raises(ValueError, match="size beside an edge_index"):
            made(X, None, size=(5, 5))


@pairs
def test_an_edge_to_nowhere_is_an_index_error_as_in_pyg(ours, theirs):
    made, peer = twins(ours, theirs)
    for nodes in (X, X.repeat(30, 1)):
        wrong = torch.tensor([[0, 1], [1, len(nodes)]])
        for layer in (made, peer):
            with pytest.raises(IndexError):
                layer(nodes, wrong)


@pairs
def test_in_pygs_containers(ours, theirs):
    made, peer = twins(ours, theirs, edge_dim=3)
    models = [
        Sequential("x, edge_index, edge_attr", [(layer, "x, edge_index, edge_attr -> x"), torch.nn.ReLU()])
        for layer in (made, peer)
    ]
    assert_same(models[0](X, EDGES, FEATURES), models[1](X, EDGES, FEATURES))

    loops = {} if ours is TransformerConv else {"add_self_loops": False}
    made, peer = twins(ours, theirs, (DIM, DIM), edge_dim=3, **loops)
    names = {"a": X, "b": X.flip(0)}
    between = ("a", "to", "b")
    outs = [
        HeteroConv({between: layer})(names, {between: EDGES}, edge_attr_dict={between: FEATURES})["b"]
        for layer in (made, peer)
    ]
    assert_same(*outs)

    made, peer = twins(ours, theirs, **loops)
    kinds = (["a", "b"], [between, ("b", "back", "a")])
    models = []
    for layer in (made, peer):
        models.append(to_hetero(Alone(layer), kinds))
    models[0].load_state_dict(models[1].state_dict())
    edges = dict.fromkeys(kinds[1], EDGES)
    found, expected = (model(names, edges) for model in models)
    for kind in names:
        assert_same(found[kind], expected[kind])


@pairs
def test_summary_lists_it_as_pyg_lists_its_own(ours, theirs):
    pytest.importorskip("tabulate")
    made, peer = twins(ours, theirs)
    found, expected = (summary(layer, X, EDGES).splitlines() for layer in (made, peer))
    assert len(found) == len(expected)
    assert found[-4:] == expected[-4:]


@pytest.mark.parametrize("ours", [*(ours for ours, _ in PAIRS), DotProductAttention])
def test_it_is_compiled_in_one_piece(ours):
    """No break in the graph, on edges and on all pairs."""
    layer = ours(DIM, 2) if ours is DotProductAttention else ours.for_dim(DIM, num_heads=2)
    for edges in (EDGES, None):
        torch._dynamo.reset()
        compiled = torch.compile(layer, backend="eager", fullgraph=True)
        torch.testing.assert_close(compiled(X, edges), layer(X, edges))


def test_it_is_exported():
    layer = GATConv.for_dim(DIM, num_heads=2)
    exported = torch.export.export(layer, (X, EDGES)).module()
    torch.testing.assert_close(exported(X, EDGES), layer(X, EDGES))
