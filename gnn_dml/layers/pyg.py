"""What PyG's attention classes share once they have a dense path: which edges, which path, which form of the answer.

Legend: N nodes, D channels in, H heads, E edges, B graphs of equal size.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

from torch import Tensor

from gnn_dml.layers.dot_product import AttentionWeights
from gnn_dml.layers.edges import (
    attention_as_given,
    attention_of_edges,
    check_edges,
    is_dense,
    to_dense,
    to_sparse,
    with_self_loops,
)
from gnn_dml.layers.path import Backend, Crossover, check_backend, runs_dense


class DenseLayer(Protocol):
    """A subclass of one of PyG's attention classes that has a dense path too."""

    backend: Backend
    crossover: Crossover

    def dense(self, x: Tensor, adjacency: Tensor | None, want_attention: bool) -> tuple[Tensor, Tensor | None]:
        """The layer's output (..., N, channels) on a matrix of edges, and if wanted the attention (..., H, N, N)."""
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
        "edge_dim": layer.edge_dim is not None,
        "in_channels": not isinstance(layer.in_channels, int),
        "aggr": layer.aggr not in ("add", "sum"),
        "flow": layer.flow != "source_to_target",
    }
    found = [name for name, there in obstacles.items() if there]
    if not found:
        return backend  # type: ignore[return-value]
    if backend == "dense":
        said = ", ".join(f"{name}={getattr(layer, name)!r}" for name in found)
        raise ValueError(f"backend='dense' has no {said} in {type(layer).__name__}; use backend='auto' or 'sparse'")
    return "sparse"


def check_heads(dim: int, num_heads: int) -> None:
    """Raise ValueError unless `num_heads` divides `dim`."""
    if num_heads < 1 or dim % num_heads:
        raise ValueError(f"num_heads must divide dim={dim}, and {num_heads} does not")


def pass_messages(
    layer: DenseLayer,
    sparse: Callable[..., Any],
    x: Tensor | tuple[Tensor, Tensor],
    edges: Tensor | None,
    edge_weight: Tensor | None,
    edge_attr: Tensor | None,
    return_attention_weights: bool,
) -> Tensor | tuple[Tensor, AttentionWeights]:
    """Run a layer on the path that suits the edges.

    Args:
        layer: With a dense path.
        sparse: PyG's own forward of the same layer.
        x: (N, D) or (B, N, D); or a pair of sources and targets beside an edge_index, which goes to PyG as it is.
        edges: An edge_index, a boolean adjacency, or None for the complete graph with self-loops.
        edge_weight: Refused: these layers have none.
        edge_attr: (E, edge_dim) beside an edge_index of a single graph, for layers built with `edge_dim`.
        return_attention_weights: Whether to return `(edges, attention)` too.

    Raises:
        ValueError: If shapes do not fit, or a weight is given.
    """
    name = type(layer).__name__
    if edge_weight is not None:
        raise ValueError(f"{name} takes no edge_weight; DotProductAttention does")
    wanted = True if return_attention_weights else None
    answer: Tensor | tuple[Tensor, AttentionWeights]
    if isinstance(x, tuple):
        if is_dense(edges):
            raise ValueError(f"{name} takes a pair of sources and targets beside an edge_index only")
        answer = sparse(x, edges, edge_attr=edge_attr, return_attention_weights=wanted)
        return answer
    check_edges(x, edges, None)
    if edge_attr is not None:
        if x.dim() != 2 or is_dense(edges):
            raise ValueError(f"{name} takes edge_attr beside an edge_index and x of shape (N, D) only")
        answer = sparse(x, edges, edge_attr=edge_attr, return_attention_weights=wanted)
        return answer
    if getattr(layer, "add_self_loops", False):
        edges = with_self_loops(x, edges)
    if runs_dense(layer.backend, x, edges, layer.crossover):
        out, attention = layer.dense(x, to_dense(x, edges, None)[0], return_attention_weights)
        if attention is None:
            return out
        return out, (edges, attention if is_dense(edges) else attention_of_edges(attention, _index(edges)))
    answer = sparse(x.reshape(-1, x.size(-1)), to_sparse(x, edges, None)[0], return_attention_weights=wanted)
    if not isinstance(answer, tuple):
        return answer.reshape(*x.shape[:-1], answer.size(-1))
    flat, (edge_index, attention) = answer
    shaped = flat.reshape(*x.shape[:-1], flat.size(-1))
    return shaped, (edges, attention_as_given(x, attention, _index(edge_index), edges))


def _index(edges: Tensor | None) -> Tensor:
    assert edges is not None
    return edges
