"""What topologies share that choose k other nodes for every node."""

from __future__ import annotations

import copy

from torch import Tensor

from gnn_dml.graphs.base import Topology, diagonal, nearest, never
from gnn_dml.graphs.isolated import Isolated


class Neighbours(Topology):
    """Every target hears the k other nodes of the highest score; ties go to the lower index.

    Args:
        k: How many other nodes each node hears; at least 1.
        loop: Whether a node hears itself too; a self-loop does not count towards k.

    Raises:
        ValueError: If k is no whole number or below 1, or on use if there are not k other nodes.
    """

    def __init__(self, k: int, *, loop: bool = True) -> None:
        super().__init__(loop=loop)
        if not isinstance(k, int):
            raise ValueError(f"k must be a whole number, not {k}")
        if k < 1:
            raise ValueError(f"k must be at least 1, not {k}")
        self.k = k

    def check_size(self, nodes: int) -> None:
        """Raise ValueError if there are not k other nodes."""
        if self.k >= nodes:
            raise ValueError(
                f"k={self.k} neighbours were asked for in a graph of {nodes} nodes; at most {nodes - 1} exist"
            )

    def within(self, nodes: int) -> Topology:
        """The same with as many neighbours as there are; a node alone hears nobody, or itself."""
        if self.k < nodes:
            return self
        if nodes < 2:
            return Isolated(loop=bool(self.loop))
        fewer = copy.copy(self)
        fewer.k = nodes - 1
        return fewer

    def _scores(self, x: Tensor) -> Tensor:
        """How much a target would hear a source: (..., N, D) -> (..., N, N), entry [target, source]."""
        raise NotImplementedError

    def _chosen(self, x: Tensor) -> Tensor:
        """Mark k others in each row: (..., N, D) -> boolean (..., N, N)."""
        self.check_size(x.size(-2))
        scores = self._scores(x)
        return nearest(scores.masked_fill(diagonal(x), never(scores)), self.k)

    def _adjacency(self, x: Tensor, y: Tensor | None) -> Tensor:
        chosen = self._chosen(x)
        return chosen | diagonal(x) if self.loop else chosen
