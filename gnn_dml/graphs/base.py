"""What every topology shares: checked inputs, and `forward` derived from `adjacency`.

Legend: N nodes, D channels, E edges, B graphs of equal size, `...` any leading batch dimensions.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch_geometric.data import Data
from torch_geometric.transforms import BaseTransform
from torch_geometric.utils import dense_to_sparse


class Topology(BaseTransform):
    """A rule that says which nodes of a mini-batch send messages to which.

    A topology is a PyG transform: `Data(x, y) -> Data(x, y, edge_index)`. A subclass sets its parameters in `__init__`
    and computes `_adjacency`; this class checks the inputs and turns the matrix into edges.

    Attributes:
        uses_labels: True if the edges are built from labels. Such a graph leaks the label into the refined embedding,
            so evaluation refuses it.
    """

    uses_labels: bool = False

    def __init__(self, *, loop: bool = True) -> None:
        """Remember whether every node is its own neighbour (the paper's graph: yes)."""
        self.loop = loop

    def adjacency(self, x: Tensor, y: Tensor | None = None) -> Tensor | None:
        """The edges as a boolean matrix.

        Args:
            x: Node features (..., N, D). No gradient flows through the choice of edges.
            y: Labels (..., N), needed where `uses_labels` is set and ignored elsewhere.

        Returns:
            Boolean (..., N, N), entry [target, source], or None for "every pair, self-loops included", so that a
            complete graph never costs N^2 memory.

        Raises:
            ValueError: If the shapes do not fit, labels are needed and missing, or the nodes are too few.
        """
        if x.dim() < 2:
            raise ValueError(f"x must have the shape (..., N, D), not {tuple(x.shape)}")
        if self.uses_labels:
            if y is None:
                raise ValueError(f"{self!r} builds its edges from labels, and y is None")
            if y.shape != x.shape[:-1]:
                raise ValueError(f"y must have the shape {tuple(x.shape[:-1])} to fit x, not {tuple(y.shape)}")
        with torch.no_grad():
            return self._adjacency(x.detach(), y if self.uses_labels else None)

    def _adjacency(self, x: Tensor, y: Tensor | None) -> Tensor | None:
        raise NotImplementedError

    def forward(self, data: Data) -> Data:
        """Set `data.edge_index` (2, E), source -> target, ordered by target and then source.

        A batch of several graphs (`data.batch`) gets the topology graph by graph: no edge crosses from one to another.
        """
        if data.batch is None:
            data.edge_index = self._edge_index(data.x, data.y)
            return data
        parts = []
        for graph in range(int(data.batch.max()) + 1 if data.batch.numel() else 0):
            nodes = (data.batch == graph).nonzero().squeeze(1)
            y = None if data.y is None else data.y[nodes]
            parts.append(nodes[self._edge_index(data.x[nodes], y)])
        empty = torch.empty(2, 0, dtype=torch.long, device=data.x.device)
        data.edge_index = torch.cat(parts, dim=1) if parts else empty
        return data

    def _edge_index(self, x: Tensor, y: Tensor | None) -> Tensor:
        adjacency = self.adjacency(x, y)
        if adjacency is None:
            adjacency = torch.ones(x.size(0), x.size(0), dtype=torch.bool, device=x.device)
        # nonzero walks the matrix row by row, so the rows it returns are (target, source).
        edge_index: Tensor = dense_to_sparse(adjacency)[0].flip(0)
        return edge_index

    def _parameters(self) -> dict[str, object]:
        return {"loop": self.loop}

    def __repr__(self) -> str:
        inside = ", ".join(f"{name}={value!r}" for name, value in self._parameters().items())
        return f"{type(self).__name__}({inside})"


def diagonal(x: Tensor) -> Tensor:
    """Boolean identity (N, N) on the device of `x` (..., N, D), to be broadcast over the batch dimensions."""
    return torch.eye(x.size(-2), dtype=torch.bool, device=x.device)


def cosine_similarity(x: Tensor) -> Tensor:
    """Cosine similarity of every pair: (..., N, D) -> (..., N, N), at least in float32."""
    x = torch.nn.functional.normalize(x.float() if x.dtype in (torch.float16, torch.bfloat16) else x, dim=-1)
    return x @ x.mT


def nearest(similarity: Tensor, k: int) -> Tensor:
    """Mark the `k` largest entries of each row; entries of -inf are never marked.

    Ties go to the lower index, on every device, so that duplicates give the same graph everywhere.

    Args:
        similarity: (..., N, N), entry [target, source].
        k: How many sources a target gets at most.

    Returns:
        Boolean (..., N, N).
    """
    order = similarity.argsort(dim=-1, descending=True, stable=True)[..., :k]
    chosen = torch.zeros_like(similarity, dtype=torch.bool).scatter(-1, order, True)
    return chosen & (similarity > float("-inf"))
