"""Each node hears its k nearest neighbours."""

from __future__ import annotations

from torch import Tensor

from gnn_dml.graphs.base import rank_cosine
from gnn_dml.graphs.neighbours import Neighbours


class KNN(Neighbours):
    """The directed k-nearest-neighbour graph by cosine similarity: every target hears its k nearest other nodes.

    Ties go to the lower index, on every machine: cosines are compared exactly (`gnn_dml.graphs.base.rank_cosine`).

    Args:
        k: How many other nodes each node hears; at least 1.
        loop: Whether a node hears itself too; a self-loop does not count towards k.

    Raises:
        ValueError: If k is below 1, or on use if there are not k other nodes.

    >>> import torch
    >>> from torch_geometric.data import Data
    >>> from gnn_dml.graphs import KNN
    >>> x = torch.tensor([[1.0, 0.0], [0.9, 0.1], [0.0, 1.0]])
    >>> KNN(1, loop=False).adjacency(x).int().tolist()  # [target, source]
    [[0, 1, 0], [1, 0, 0], [0, 1, 0]]
    >>> KNN(1, loop=False)(Data(x=x)).edge_index.tolist()  # sources, targets
    [[1, 0, 1], [0, 1, 2]]
    """

    def _scores(self, x: Tensor) -> Tensor:
        return rank_cosine(x)
