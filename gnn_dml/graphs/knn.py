"""Each node hears its k nearest neighbours."""

from __future__ import annotations

from torch import Tensor

from gnn_dml.graphs.base import Topology, cosine_similarity, diagonal, nearest


class KNN(Topology):
    """The directed k-nearest-neighbour graph by cosine similarity: every target hears its k nearest other nodes.

    Ties go to the lower index.

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

    def _adjacency(self, x: Tensor, y: Tensor | None) -> Tensor:
        if self.k >= x.size(-2):
            raise ValueError(
                f"k={self.k} neighbours were asked for in a graph of {x.size(-2)} nodes; at most {x.size(-2) - 1} exist"
            )
        eye = diagonal(x)
        chosen = nearest(cosine_similarity(x).masked_fill(eye, float("-inf")), self.k)
        return chosen | eye if self.loop else chosen

    def _parameters(self) -> dict[str, object]:
        return {"k": self.k, "loop": self.loop}
