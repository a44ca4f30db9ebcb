"""Softmax over the incoming edges of a node, plain and quiet, dense and sparse.

The quiet softmax has one extra key with logit 0 and value 0, so that a node can listen to nobody:
weight_ij = exp(s_ij) / (1 + sum_j exp(s_ij)). The paper describes the plain one; the published code uses the quiet one.
A node without incoming edges has no weights: its row is 0 in the dense form, and absent from the sparse one.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch_geometric.utils import scatter, softmax


def dense_softmax(scores: Tensor, adjacency: Tensor | None, *, quiet: bool = False) -> Tensor:
    """Attention weights over the last dimension.

    Args:
        scores: (..., N, N), entry [target, source].
        adjacency: Boolean, broadcastable to `scores`; None if every pair is an edge.
        quiet: Whether the null key takes part.
    """
    if adjacency is not None:
        # The lowest finite number instead of -inf keeps a row without edges free of NaN, in value and in gradient.
        scores = scores.masked_fill(~adjacency, torch.finfo(scores.dtype).min)
    if quiet:
        scores = torch.nn.functional.pad(scores, (0, 1))
        weights = scores.softmax(dim=-1)[..., :-1]
    else:
        weights = scores.softmax(dim=-1)
    return weights if adjacency is None else weights.masked_fill(~adjacency, 0.0)


def sparse_softmax(scores: Tensor, target: Tensor, num_nodes: int, *, quiet: bool = False) -> Tensor:
    """Attention weights over the edges that share a target.

    Args:
        scores: (E, H).
        target: (E,), the target of each edge.
        num_nodes: N.
        quiet: Whether the null key takes part.
    """
    if not quiet:
        weights: Tensor = softmax(scores, target, num_nodes=num_nodes)
        return weights
    # Any shift cancels; this one keeps the exponentials at most 1, the null key's included.
    shift = scatter(scores.detach(), target, dim=0, dim_size=num_nodes, reduce="max").clamp(min=0)
    exponentials = (scores - shift[target]).exp()
    total = scatter(exponentials, target, dim=0, dim_size=num_nodes, reduce="sum") + (-shift).exp()
    quiet_weights: Tensor = exponentials / total[target]
    return quiet_weights
