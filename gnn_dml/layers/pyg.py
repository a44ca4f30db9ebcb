"""What PyG's attention classes share once they have a dense path: which edges, which path, which form of the answer.

Legend: N nodes, D channels in, H heads, E edges, F features of an edge, B graphs of equal size.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from typing import Any, Protocol

import torch
from torch import Tensor, nn
from torch_geometric.typing import Adj
from torch_geometric.utils import is_sparse

from gnn_dml.layers.edge_attributes import along_edges, as_matrix, check_attributes
from gnn_dml.layers.edges import (
    as_index,
    attention_as_given,
    attention_of_edges,
    check_edges,
    is_dense,
    to_sparse,
    with_self_loops,
)
from gnn_dml.layers.path import Backend, Crossover, Path, check_backend, choose_path
from gnn_dml.layers.steps import check_steps

Nodes = Tensor | Sequence[Tensor | None]
"""Nodes (N, D) or (B, N, D), or a pair of sources and targets."""


class DenseLayer(Protocol):
    """A subclass of one of PyG's attention classes that has a dense path too."""

    backend: Backend
    crossover: Crossover
    edge_dim: int | None

    def dense(
        self, x: Tensor, adjacency: Tensor | None, want_attention: bool, edge_attr: Tensor | None = None
    ) -> tuple[Tensor, Tensor | None]:
        """The layer's output (..., N, channels) on a matrix of edges, and if wanted the attention (..., H, N, N).

        Args:
            x: (..., N, D).
            adjacency: Boolean (..., N, N), entry [target, source], or None for every pair.
            want_attention: Whether to return the attention.
            edge_attr: Features (..., N, N, F), for layers built with `edge_dim` and for no others.
        """
        ...

    def has_own_steps(self) -> bool:
        """See `gnn_dml.layers.steps.OwnSteps`."""
        ...


def settle_backend(layer: Any, backend: str) -> Backend:
    """The backend of a layer built with PyG's constructor: "sparse" where only PyG's own path can do what was asked.

    Raises:
        ValueError: If the backend is unknown, a probability out of range, or "dense" is forced on options that have no
            dense path.
    """
    check_backend(backend)
    if not 0 <= layer.dropout < 1:
        raise ValueError(f"dropout must be at least 0 and below 1, not {layer.dropout}")
    obstacles = {
        "in_channels": not isinstance(layer.in_channels, int),
        "aggr": layer.aggr not in ("add", "sum"),
        "flow": layer.flow != "source_to_target",
    }
    found = [name for name, there in obstacles.items() if there]
    check_steps(layer, backend)
    if not found:
        return backend  # type: ignore[return-value]
    if backend == "dense":
        said = ", ".join(f"{name}={getattr(layer, name)!r}" for name in found)
        raise ValueError(f"backend='dense' has no {said} in {type(layer).__name__}; use backend='auto' or 'sparse'")
    return "sparse"


def as_pygs(layer: Any, own: type[nn.Module], peer: type[nn.Module]) -> nn.Module:
    """The same parameters in PyG's own class, which `torch.jit.script` can compile; a changed layer as it is.

    Args:
        layer: Of the class `own`, or of one that a user made of it.
        own: With a dense path.
        peer: PyG's.
    """
    if not layer.has_own_steps() or type(layer) is not own:
        assert isinstance(layer, nn.Module)
        return layer
    with torch.device("meta"):
        peer(1, 1)  # PyG compiles the steps into a class when it is first built
    twin: nn.Module = copy.copy(layer)
    twin.__class__ = peer
    return twin


def check_heads(dim: int, num_heads: int) -> None:
    """Raise ValueError unless `num_heads` divides `dim`."""
    if num_heads < 1 or dim % num_heads:
        raise ValueError(f"num_heads must divide dim={dim}, and {num_heads} does not")


def pass_messages(
    layer: DenseLayer,
    sparse: Callable[..., Any],
    x: Nodes,
    edges: Adj | None,
    edge_attr: Tensor | None,
    edge_weight: Tensor | None,
    *,
    wanted: bool,
    **options: Any,
) -> Any:
    """Run a layer on the path that suits the edges.

    Args:
        layer: With a dense path.
        sparse: PyG's own forward of the same layer.
        x: (N, D) or (B, N, D); or a pair of sources and targets beside an edge_index, which goes to PyG as it is.
        edges: An edge_index, a boolean adjacency, or None for the complete graph with self-loops; or an adjacency of
            `torch.sparse` or `torch_sparse`, which goes to PyG.
        edge_attr: For layers built with `edge_dim`: (E, F) beside an edge_index, (N, N, F) [target, source] beside a
            matrix or None; with a leading B where the graphs of a batch differ.
        edge_weight: Refused: these layers have none.
        wanted: Whether PyG's forward would return `(edges, attention)` too.
        **options: What else PyG's forward takes, by name; `size` goes with an edge_index of a single graph.

    Raises:
        ValueError: If shapes do not fit, or a weight is given.
    """
    name = type(layer).__name__
    if edge_weight is not None:
        raise ValueError(f"{name} takes no edge_weight; DotProductAttention does")
    if not isinstance(x, Tensor):
        if is_dense(edges):
            raise ValueError(f"{name} takes a pair of sources and targets beside an edge_index only")
        return sparse(x, edges, edge_attr, **options)
    if is_sparse(edges):
        if x.dim() != 2:
            raise ValueError(f"{name} takes a sparse adjacency beside x of shape (N, D) only, not {tuple(x.shape)}")
        return sparse(x, edges, edge_attr, **options)
    check_edges(x, edges, None)
    edges = edges if is_dense(edges) else as_index(_tensor(edges))
    plain = x.dim() == 2 and not is_dense(edges)
    if options.get("size") is not None and not plain:
        raise ValueError(f"{name} takes size beside an edge_index and x of shape (N, D) only")
    loops = getattr(layer, "add_self_loops", False)
    path = Path(False)
    if _has_dense_path(layer, edge_attr, loops) and options.get("size") is None:
        path = choose_path(layer.backend, x, edges, layer.crossover)
    if edge_attr is not None and not (plain and not path.dense):
        check_attributes(x, edges, edge_attr, layer.edge_dim)
    if path.dense:
        matrix = None if edge_attr is None else as_matrix(x, edges, edge_attr)
        adjacency = with_self_loops(x, path.adjacency) if loops else path.adjacency
        out, attention = layer.dense(x, adjacency, wanted, matrix)
        if attention is None:
            return out
        edges = with_self_loops(x, edges) if loops else edges
        return out, (edges, attention if is_dense(edges) else attention_of_edges(attention, _tensor(edges)))
    if plain:
        return sparse(x, edges, edge_attr, **options)
    index = to_sparse(x, edges, None)[0]
    along = None if edge_attr is None else along_edges(x, edges, edge_attr, index)
    answer = sparse(x.reshape(-1, x.size(-1)), index, along, **options)
    if not wanted:
        return answer.reshape(*x.shape[:-1], answer.size(-1))
    flat, (edge_index, attention) = answer
    edges = with_self_loops(x, edges) if loops else edges
    return flat.reshape(*x.shape[:-1], flat.size(-1)), (edges, attention_as_given(x, attention, edge_index, edges))


def _has_dense_path(layer: DenseLayer, edge_attr: Tensor | None, loops: bool) -> bool:
    """Whether a dense path may compute the layer: no step was changed, and features are there if it was built for them.

    What features PyG gives the self-loops that it adds is its own affair.
    """
    if not layer.has_own_steps() or (edge_attr is None) != (layer.edge_dim is None):
        return False
    return edge_attr is None or (edge_attr.dim() > 1 and not loops)


def _tensor(edges: Adj | None) -> Tensor:
    assert isinstance(edges, Tensor)
    return edges
