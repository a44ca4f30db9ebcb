"""Leave out edges at random while training."""

from __future__ import annotations

import torch
from torch import Tensor
from torch_geometric.data import Data
from torch_geometric.transforms import BaseTransform

from gnn_dml.graphs.base import Edges, diagonal


class DropEdge(BaseTransform):
    """Drop each edge with probability p, and keep every self-loop (Rong et al., ICLR 2020).

    To be put after a topology: `Compose([KNN(8), DropEdge(0.2)])`. After "DropEdge: Towards Deep Graph Convolutional
    Networks on Node Classification"; there a fixed number of edges goes, here each edge goes or stays on its own, and
    i -> j apart from j -> i. Weights stay with their edges and are not scaled.

    It draws from torch's global random state, which the trainer saves and restores.

    Args:
        p: Probability of dropping an edge; at least 0 and below 1.

    Raises:
        ValueError: If p is out of range.

    Attributes:
        training_only: True: graphs of unseen images keep all their edges.

    >>> import torch
    >>> from torch_geometric.data import Data
    >>> from torch_geometric.transforms import Compose
    >>> from gnn_dml.graphs import Complete, DropEdge
    >>> _ = torch.manual_seed(0)
    >>> data = Compose([Complete(), DropEdge(0.5)])(Data(x=torch.randn(10, 8)))
    >>> 10 < data.edge_index.size(1) < 100
    True
    """

    training_only: bool = True

    def __init__(self, p: float) -> None:
        if not 0 <= p < 1:
            raise ValueError(f"p must be at least 0 and below 1, not {p}")
        self.p = p

    def forward(self, data: Data) -> Data:
        """Drop columns of `data.edge_index`, with their entries of `data.edge_weight` and `data.edge_attr`.

        Raises:
            ValueError: If there is no `edge_index`.
        """
        if data.edge_index is None:
            raise ValueError(f"{self!r} has no edges to drop: put it after a topology, which adds edge_index")
        source, target = data.edge_index
        kept = self._kept(source == target)
        data.edge_index = data.edge_index[:, kept]
        for name in ("edge_weight", "edge_attr"):
            if getattr(data, name, None) is not None:
                data[name] = data[name][kept]
        return data

    def drop(self, edges: Edges, x: Tensor) -> Edges:
        """The same on the dense form.

        Args:
            edges: None or a boolean adjacency (..., N, N), with weights (..., N, N) or None.
            x: The nodes (..., N, D), for the shape and device of the graph.

        Returns:
            A boolean adjacency and its weights; with p=0 the edges as they came.
        """
        if self.p == 0:
            return edges
        kept = self._kept(diagonal(x).expand(*x.shape[:-1], x.size(-2)))
        adjacency = kept if edges.edges is None else edges.edges & kept
        weight = None if edges.edge_weight is None else edges.edge_weight.masked_fill(~adjacency, 0.0)
        return Edges(adjacency, weight)

    def _kept(self, loops: Tensor) -> Tensor:
        """Draw which edges stay, given which are self-loops; a boolean tensor in the same shape."""
        return (torch.rand(loops.shape, device=loops.device) >= self.p) | loops

    def __repr__(self) -> str:
        return f"{type(self).__name__}(p={self.p!r})"
