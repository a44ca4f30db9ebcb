"""Adjacencies of `torch.sparse` and `torch_sparse`, whose entry [target, source] is an edge.

Legend: N nodes, D channels, E edges, H heads, B graphs of equal size.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch_geometric.utils import to_edge_index
from torch_geometric.utils.sparse import set_sparse_value


def call_on_sparse(
    layer: Callable[..., Any],
    x: Tensor,
    adjacency: Any,
    edge_attr: Tensor | None,
    edge_weight: Tensor | None,
    want_attention: bool,
) -> Any:
    """Call a layer that takes edge weights along the edges of a sparse adjacency.

    Args:
        layer: As `DotProductAttention` is called.
        x: (N, D) or (B, N, D).
        adjacency: Its values (E,) are the edge weights where none are given.
        edge_attr: As the layer takes it beside an edge_index, or None.
        edge_weight: Likewise.
        want_attention: Whether to return the adjacency too, with the attention (E, H) as its values.
    """
    value: Tensor | None
    if isinstance(adjacency, Tensor):
        (target, source), value = to_edge_index(adjacency)
    else:
        target, source, value = adjacency.coo()
    if edge_weight is None and value is not None and value.dim() == 1 and value.dtype != torch.bool:
        edge_weight = value.to(x.dtype)
    answer = layer(x, torch.stack((source, target)), edge_attr, want_attention or None, edge_weight=edge_weight)
    if not want_attention:
        return answer
    out, (_, attention) = answer
    if isinstance(adjacency, Tensor):
        return out, (set_sparse_value(adjacency, attention), attention)
    return out, adjacency.set_value(attention, layout="coo")
