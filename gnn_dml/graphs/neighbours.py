"""What topologies share that choose k other nodes for every node."""

from __future__ import annotations

from torch import Tensor

from gnn_dml.graphs.base import Topology, diagonal, nearest, never


class Neighbours(Topology):
    """Every target hears the k other nodes of the highest score; ties go to the lower index.

    Args:
        k: How many other nodes each node hears; at least 1.
        loop: Whether a node hears itself too; a self-loop does not count towards k.

    Raises:
        ValueError: If k is below 1, or on use if there are not k other nodes.
    """

    def __init__(self, k: int, *, loop: bool = True) -> None:
        super().__init__(loop=loop)
        if k < 1:
            raise ValueError(f"k must be at least 1, not {k}")
        self.k = k

    def _scores(self, x: Tensor) -> Tensor:
        """How much a target would hear a source: (..., N, D) -> (..., N, N), entry [target, source]."""
        raise NotImplementedError

    def _chosen(self, x: Tensor) -> Tensor:
        """Mark k others in each row: (..., N, D) -> boolean (..., N, N)."""
        if self.k >= x.size(-2):
            raise ValueError(
                f"k={self.k} neighbours were asked for in a graph of {x.size(-2)} nodes; at most {x.size(-2) - 1} exist"
            )
        scores = self._scores(x)
        return nearest(scores.masked_fill(diagonal(x), never(scores)), self.k)

    def _adjacency(self, x: Tensor, y: Tensor | None) -> Tensor:
        chosen = self._chosen(x)
        return chosen | diagonal(x) if self.loop else chosen

    def _parameters(self) -> dict[str, object]:
        return {"k": self.k, "loop": self.loop}
