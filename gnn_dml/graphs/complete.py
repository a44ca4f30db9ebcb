"""The paper's graph: every image of the mini-batch exchanges messages with every other."""

from __future__ import annotations

from torch import Tensor

from gnn_dml.graphs.base import Topology, diagonal


class Complete(Topology):
    """The complete graph of "Learning Intra-Batch Connections for Deep Metric Learning" (ICML 2021), section 3.2.

    Args:
        loop: Whether every node is its own neighbour, as in the published code.

    >>> import torch
    >>> from gnn_dml.graphs import Complete
    >>> Complete().adjacency(torch.randn(3, 8)) is None  # every pair, without a matrix
    True
    >>> Complete(loop=False).adjacency(torch.randn(3, 8)).int().tolist()
    [[0, 1, 1], [1, 0, 1], [1, 1, 0]]
    """

    def _adjacency(self, x: Tensor, y: Tensor | None) -> Tensor | None:
        if self.loop:
            return None
        return (~diagonal(x)).expand(*x.shape[:-1], x.size(-2))
