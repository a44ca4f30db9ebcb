"""Whether attention attends: how far it is from uniform.

Legend: N nodes, E edges, H heads.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

TINY = 1e-30
"""Attention below it counts as this much in a logarithm."""


class AttentionSpread(NamedTuple):
    """Summed over nodes with two sources or more; two of them add up to that of both graphs.

    Attributes:
        entropy: Of the attention of each node, as a share of the logarithm of its number of sources (H,).
        logits: Standard deviation of the logits over the sources of each node (H,).
        nodes: How many nodes there were, ().
    """

    entropy: Tensor
    logits: Tensor
    nodes: Tensor

    @property
    def mean_entropy(self) -> Tensor:
        """1 for uniform attention, 0 where one source has all (H,); NaN without such nodes."""
        return self.entropy / self.nodes

    @property
    def mean_logits(self) -> Tensor:
        """0 for uniform attention (H,); NaN without such nodes."""
        return self.logits / self.nodes


def attention_spread(attention: Tensor, edges: Tensor | None, nodes: int) -> AttentionSpread:
    """Entropy and spread of the logits, summed over nodes.

    Differences of logits are differences of the logarithms of a softmax, so that no layer has to hand its logits out.

    Args:
        attention: (H, N, N) with entry [target, source], or (E, H) along an edge_index.
        edges: What it belongs to: an edge_index (2, E), a boolean adjacency (N, N), or None for every pair.
        nodes: N.

    Example:
        >>> found = attention_spread(torch.tensor([[[0.5, 0.5], [0.9, 0.1]]]), None, 2)
        >>> [round(value, 3) for value in (found.mean_entropy.item(), found.mean_logits.item())]
        [0.734, 0.549]
    """
    attention = attention.float()
    if edges is not None and edges.dtype == torch.long:
        return _along_edges(attention, edges[1], nodes)
    there = torch.ones(nodes, nodes, dtype=torch.bool, device=attention.device) if edges is None else edges
    degree = there.sum(1).to(attention.dtype)
    held = attention * there
    share = held / held.sum(-1, keepdim=True).clamp(min=TINY)
    logs = share.clamp(min=TINY).log() * there
    entropy = -(share * logs).sum(-1)
    mean = logs.sum(-1) / degree.clamp(min=1)
    variance = ((logs - mean.unsqueeze(-1)).square() * there).sum(-1) / degree.clamp(min=1)
    return _summed(entropy, variance, degree)


def _along_edges(attention: Tensor, target: Tensor, nodes: int) -> AttentionSpread:
    def per_node(values: Tensor) -> Tensor:
        return values.new_zeros(nodes, values.size(1)).index_add(0, target, values)

    degree = per_node(torch.ones_like(attention[:, :1]))
    share = attention / per_node(attention).clamp(min=TINY)[target]
    logs = share.clamp(min=TINY).log()
    mean = per_node(logs) / degree.clamp(min=1)
    variance = per_node((logs - mean[target]).square()) / degree.clamp(min=1)
    return _summed(-per_node(share * logs).mT, variance.mT, degree[:, 0])


def _summed(entropy: Tensor, variance: Tensor, degree: Tensor) -> AttentionSpread:
    """Sums over the nodes (H, N) with two sources or more."""
    several = degree > 1
    most = degree.clamp(min=2).log()
    return AttentionSpread(
        (entropy / most * several).sum(-1), (variance.clamp(min=0).sqrt() * several).sum(-1), several.sum()
    )
