"""Whether an attention layer takes edge weights, and how it is called with them."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from typing import Any

from torch import Tensor, nn


def takes_weights(layer: nn.Module) -> bool:
    """What the layer says in its attribute `takes_weights`; else whether its `forward` has an argument `edge_weight`.

    >>> from torch_geometric.nn import GCNConv
    >>> from gnn_dml.layers import DotProductAttention, GATConv, takes_weights
    >>> takes_weights(DotProductAttention(8, num_heads=2)), takes_weights(GATConv.for_dim(8, num_heads=2))
    (True, False)
    >>> takes_weights(GCNConv(8, 8))
    True
    """
    said = getattr(layer, "takes_weights", None)
    return _names_weights(layer.forward) if said is None else bool(said)


def call_layer(layer: Callable[..., Any], x: Tensor, edges: Any, edge_weight: Tensor | None, **options: Any) -> Any:
    """Call a layer, or a method called alike, with edge weights: by the name `edge_weight`, or else in the third place.

    Args:
        layer: What is called.
        x: Nodes (..., N, D).
        edges: As the layer takes them.
        edge_weight: Likewise, or None.
        **options: What else it takes, by name.
    """
    if _names_weights(layer.forward if isinstance(layer, nn.Module) else layer):
        return layer(x, edges, edge_weight=edge_weight, **options)
    return layer(x, edges, edge_weight, **options)


def _names_weights(function: Callable[..., Any]) -> bool:
    return _has_weight_name(getattr(function, "__func__", function))


@functools.cache
def _has_weight_name(function: Callable[..., Any]) -> bool:
    return "edge_weight" in inspect.signature(function).parameters
