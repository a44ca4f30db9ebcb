"""What an attention layer takes of its edges, weights and features, and how it is called with them."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Sequence
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


def build_layer(build: Callable[..., nn.Module], dim: int, features: Sequence[str]) -> nn.Module:
    """A layer from D to D channels: `build(D)`, or for edges with features `build(D, edge_dim=F)`, as PyG has it.

    Args:
        build: A layer's class, or what calls it.
        dim: D.
        features: Names of the F features.

    Raises:
        ValueError: If there are features and the layer takes none.
    """
    if not features:
        return build(dim)
    taken = inspect.signature(build).parameters
    layer = None
    if "edge_dim" in taken or any(one.kind is inspect.Parameter.VAR_KEYWORD for one in taken.values()):
        layer = build(dim, edge_dim=len(features))
    if layer is None or "edge_attr" not in inspect.signature(layer.forward).parameters:
        name = getattr(build, "func", build) if layer is None else type(layer)
        raise ValueError(
            f"edge_features=[{', '.join(features)}] needs a layer with an option edge_dim and an argument edge_attr, "
            f"and {getattr(name, '__qualname__', name)} has none"
        )
    return layer


def call_layer(
    layer: Callable[..., Any],
    x: Tensor,
    edges: Any,
    edge_weight: Tensor | None,
    edge_attr: Tensor | None = None,
    **options: Any,
) -> Any:
    """Call a layer, or a method called alike.

    Edge weights go by the name `edge_weight`, or else in the third place; features of edges by the name `edge_attr`,
    where there are any.

    Args:
        layer: What is called.
        x: Nodes (..., N, D).
        edges: As the layer takes them.
        edge_weight: Likewise, or None.
        edge_attr: Likewise, or None.
        **options: What else it takes, by name.
    """
    if edge_attr is not None:
        options["edge_attr"] = edge_attr
    if _names_weights(layer.forward if isinstance(layer, nn.Module) else layer):
        return layer(x, edges, edge_weight=edge_weight, **options)
    if edge_weight is None and edge_attr is not None:  # whose place may be the third
        return layer(x, edges, **options)
    return layer(x, edges, edge_weight, **options)


def _names_weights(function: Callable[..., Any]) -> bool:
    return _has_weight_name(getattr(function, "__func__", function))


@functools.cache
def _has_weight_name(function: Callable[..., Any]) -> bool:
    return "edge_weight" in inspect.signature(function).parameters
