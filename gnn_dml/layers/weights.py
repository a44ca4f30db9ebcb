"""Whether an attention layer takes edge weights."""

from __future__ import annotations

import inspect

from torch import nn


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
    return "edge_weight" in inspect.signature(layer.forward).parameters if said is None else bool(said)
