"""Attention purity: how much of the attention stays inside the class.

Legend: N nodes, E edges, H heads, B graphs of equal size.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor


class ClassAttention(NamedTuple):
    """Attention summed over the nodes of a graph; two of them add up to that of both graphs.

    Attributes:
        same: What goes to other nodes of the same class (H,).
        others: What goes to any other node (H,).
    """

    same: Tensor
    others: Tensor

    @property
    def purity(self) -> Tensor:
        """The share of the attention to others that falls on the same class (H,); NaN where there is none."""
        return self.same / self.others


def class_attention(attention: Tensor, labels: Tensor, edge_index: Tensor | None = None) -> ClassAttention:
    """Sum attention by class.

    A node is always of its own class, so what it pays to itself says nothing and is left out of both sums.

    Args:
        attention: (H, N, N) with entry [target, source], or (E, H) along `edge_index`.
        labels: (N,).
        edge_index: (2, E), source and target of each edge; None beside a matrix.

    Raises:
        ValueError: If the shapes do not fit.
    """
    n = len(labels)
    if edge_index is None:
        if attention.shape[1:] != (n, n):
            raise ValueError(f"attention without an edge_index must be (H, {n}, {n}), not {tuple(attention.shape)}")
        by_head = attention.flatten(1)
        node = torch.arange(n, device=labels.device)  # torch.nonzero would wait for a GPU
        target, source = node.repeat_interleave(n), node.repeat(n)
    else:
        if attention.dim() != 2 or edge_index.shape != (2, attention.size(0)):
            raise ValueError(
                f"attention beside an edge_index of shape {tuple(edge_index.shape)} must be "
                f"({edge_index.size(-1)}, H), not {tuple(attention.shape)}"
            )
        by_head = attention.mT
        source, target = edge_index
    other = source != target
    same = other & (labels[source] == labels[target])
    return ClassAttention((by_head * same).sum(1), (by_head * other).sum(1))
