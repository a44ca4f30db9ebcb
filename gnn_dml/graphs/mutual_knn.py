"""Two nodes hear each other if each is among the nearest neighbours of the other."""

from __future__ import annotations

from torch import Tensor

from gnn_dml.graphs.knn import KNN


class MutualKNN(KNN):
    """The mutual k-nearest-neighbour graph by cosine similarity: the edges of `KNN` that run both ways.

    It is symmetric, and a node has at most k others to hear; one that is nobody's neighbour has none. Ties go to the
    lower index.

    Args:
        k: How many other nodes count as near to a node; at least 1.
        loop: Whether a node hears itself too; a self-loop does not count towards k.

    Raises:
        ValueError: If k is below 1, or on use if there are not k other nodes.

    >>> import torch
    >>> from gnn_dml.graphs import MutualKNN
    >>> x = torch.tensor([[1.0, 0.0], [0.9, 0.1], [0.0, 1.0]])
    >>> MutualKNN(1, loop=False).adjacency(x).int().tolist()
    [[0, 1, 0], [1, 0, 0], [0, 0, 0]]
    """

    def _chosen(self, x: Tensor) -> Tensor:
        near = super()._chosen(x)
        return near & near.mT
