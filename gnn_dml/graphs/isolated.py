"""The control: same layers, same heads, same losses, and no messages between images."""

from __future__ import annotations

from torch import Tensor

from gnn_dml.graphs.base import Topology, diagonal


class Isolated(Topology):
    """No edges between different nodes.

    Comparing a topology with this one separates what the messages do from what the extra layers and the second loss do.

    Args:
        loop: Whether a node hears itself. Without self-loops a node receives no message at all, and attention
            contributes its output bias alone.

    >>> import torch
    >>> from gnn_dml.graphs import Isolated
    >>> Isolated().adjacency(torch.randn(3, 8)).int().tolist()
    [[1, 0, 0], [0, 1, 0], [0, 0, 1]]
    """

    def _adjacency(self, x: Tensor, y: Tensor | None) -> Tensor:
        eye = diagonal(x)
        return (eye if self.loop else eye & ~eye).expand(*x.shape[:-1], x.size(-2))
