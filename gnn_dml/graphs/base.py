"""What every topology shares: checked inputs, and `forward` derived from `edges`.

Legend: N nodes, D channels, E edges, B graphs of equal size, `...` any leading batch dimensions.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor
from torch_geometric.data import Data, HeteroData
from torch_geometric.transforms import BaseTransform

from gnn_dml.graphs.describe import describe, with_attributes

STEP = 2.0**-26
"""Of the grid that `rank_cosine` puts channels on."""


class Edges(NamedTuple):
    """The edges of a mini-batch, ready to be passed on as `refiner(x, *edges)`.

    Attributes:
        edges: None for every pair, self-loops included; a boolean adjacency (..., N, N) with entry [target, source]; or
            an edge_index (2, E).
        edge_weight: (E,) beside an edge_index; (..., N, N) with entry [target, source] beside the other two, 0 where
            there is no edge; or None.
    """

    edges: Tensor | None
    edge_weight: Tensor | None


class Topology(BaseTransform):
    """A rule that says which nodes of a mini-batch send messages to which.

    A topology is a PyG transform: `Data(x, y) -> Data(x, y, edge_index)`, with `edge_weight` where the rule gives
    weights. A subclass sets its parameters in `__init__`, as attributes of the same names, and computes `_adjacency`,
    or `_edges` if it has weights; this class checks the inputs and turns matrices into edges. It says itself what it
    needs and gives: by the two attributes below and by `check_size`.

    A topology of one's own, which connects what is nearer than a distance:

    >>> import torch
    >>> from torch_geometric.data import Data, HeteroData
    >>> from gnn_dml.graphs import Topology
    >>> class Radius(Topology):
    ...     def __init__(self, radius: float, *, loop: bool = True) -> None:
    ...         super().__init__(loop=loop)
    ...         self.radius = radius
    ...
    ...     def _adjacency(self, x, y):  # x: (..., N, D), so that several graphs can come at once
    ...         near = torch.cdist(x, x) < self.radius
    ...         eye = torch.eye(x.size(-2), dtype=torch.bool, device=x.device)
    ...         return near | eye if self.loop else near & ~eye
    >>> Radius(1.5, loop=False)
    Radius(radius=1.5, loop=False)
    >>> x = torch.tensor([[0.0], [1.0], [5.0]])
    >>> Radius(1.5, loop=False)(Data(x=x)).edge_index.tolist()  # the first two hear each other
    [[1, 0], [0, 1]]

    Attributes:
        uses_labels: True if the edges are built from labels. Such a graph leaks the label into the refined embedding,
            so evaluation refuses it.
        gives_weights: True if the edges come with weights.
    """

    uses_labels: bool = False
    gives_weights: bool = False

    def __init__(self, *, loop: bool | None = True) -> None:
        """Remember whether every node is its own neighbour (the paper's graph: yes); None leaves it to the rule."""
        self.loop = loop

    def edges(self, x: Tensor, y: Tensor | None = None) -> Edges:
        """The edges in their dense form: a boolean matrix, and a matrix of weights where the rule gives weights.

        Args:
            x: Node features (..., N, D). No gradient flows through the choice of edges.
            y: Labels (..., N), needed where `uses_labels` is set and ignored elsewhere.

        Returns:
            Boolean (..., N, N), entry [target, source], or None for "every pair, self-loops included", so that a
            complete graph never costs N^2 memory; and the weights (..., N, N) or None.

        Raises:
            ValueError: If the shapes do not fit, labels are needed and missing, or the nodes are too few (see
                `check_size`).
        """
        if x.dim() < 2:
            raise ValueError(f"x must have the shape (..., N, D), not {tuple(x.shape)}")
        if self.uses_labels:
            if y is None:
                raise ValueError(f"{self!r} builds its edges from labels, and y is None")
            if y.shape != x.shape[:-1]:
                raise ValueError(f"y must have the shape {tuple(x.shape[:-1])} to fit x, not {tuple(y.shape)}")
        return self._edges(x, y if self.uses_labels else None)

    def check_size(self, nodes: int) -> None:
        """Raise ValueError, saying why, if this topology can build no graph of that many nodes.

        It is asked before a run starts, for the nodes of a mini-batch and for those of a neighbourhood at test time.
        """

    def within(self, nodes: int) -> Topology:
        """The same rule for graphs of so many nodes, where it asks for more than there are; itself where it does not.

        A neighbourhood at test time may be smaller than what a mini-batch was built for.
        """
        return self

    def adjacency(self, x: Tensor, y: Tensor | None = None) -> Tensor | None:
        """The first part of `edges`: which pairs are edges, without their weights."""
        return self.edges(x, y).edges

    def _edges(self, x: Tensor, y: Tensor | None) -> Edges:
        with torch.no_grad():
            return Edges(self._adjacency(x.detach(), y), None)

    def _adjacency(self, x: Tensor, y: Tensor | None) -> Tensor | None:
        raise NotImplementedError

    def forward(self, data: Data) -> Data:
        """Set `data.edge_index` (2, E), source -> target, ordered by target and then source.

        `data.edge_weight` (E,) is set in the same order, and removed where the topology has no weights; so is an
        `edge_attr`, which belongs to edges that are gone. A batch of several graphs (`data.batch`) gets the topology
        graph by graph: no edge crosses from one to another.
        """
        name = describe(self)
        if isinstance(data, HeteroData):
            raise ValueError(f"{name} takes a graph with one kind of nodes, Data(x=...), not a HeteroData")
        if data.x is None:
            raise ValueError(f"{name} builds its edges from the features of the nodes, and data.x is None")
        data.edge_attr = None
        if data.batch is None:
            data.edge_index, data.edge_weight = self._sparse(data.x, data.y)
            return data
        parts, weights = [torch.empty(2, 0, dtype=torch.long, device=data.x.device)], []
        for graph in data.batch.unique().tolist():
            nodes = (data.batch == graph).nonzero().squeeze(1)
            edge_index, weight = self._sparse(data.x[nodes], None if data.y is None else data.y[nodes])
            parts.append(nodes[edge_index])
            if weight is not None:
                weights.append(weight)
        data.edge_index = torch.cat(parts, dim=1)
        data.edge_weight = torch.cat(weights) if weights else None
        return data

    def _sparse(self, x: Tensor, y: Tensor | None) -> tuple[Tensor, Tensor | None]:
        """The edge_index (2, E) and the weights (E,) or None of one graph."""
        adjacency, weight = self.edges(x, y)
        if adjacency is None:
            adjacency = torch.ones(x.size(0), x.size(0), dtype=torch.bool, device=x.device)
        target, source = adjacency.nonzero(as_tuple=True)
        return torch.stack((source, target)), None if weight is None else weight[target, source]

    def __repr__(self) -> str:
        return with_attributes(self)


def diagonal(x: Tensor) -> Tensor:
    """Boolean identity (N, N) on the device of `x` (..., N, D), to be broadcast over the batch dimensions."""
    return torch.eye(x.size(-2), dtype=torch.bool, device=x.device)


def cosine_similarity(x: Tensor) -> Tensor:
    """Cosine similarity of every pair: (..., N, D) -> (..., N, N), at least in float32."""
    x = torch.nn.functional.normalize(x.float() if x.dtype in (torch.float16, torch.bfloat16) else x, dim=-1)
    return x @ x.mT


def rank_cosine(x: Tensor) -> Tensor:
    """Cosine similarity of every pair to rank by: the same for equal rows and on every machine, in steps of 2^-52.

    A product of matrices rounds by the order of its sums, so that equal rows come out unequal. Here the normalised
    channels are multiples of 2^-26, about as exact as float32 has them. Their products are multiples of 2^-52 and no
    sum of them exceeds 1 by much, so float64 holds every one of them, and nothing is rounded.

    Args:
        x: (..., N, D).

    Returns:
        int64 (..., N, N); the lowest number, which `nearest` never marks, where the cosine is not a number.
    """
    unit = (x.cpu() if x.device.type == "mps" else x).double()  # MPS has no float64
    unit = unit / unit.norm(dim=-1, keepdim=True).clamp(min=1e-300)
    unit = (unit / STEP).round_() * STEP
    steps = (unit @ unit.mT) / STEP**2
    lowest = torch.iinfo(torch.int64).min
    found: Tensor = steps.nan_to_num(nan=0.0).long().masked_fill(steps.isnan(), lowest)
    return found.to(x.device)


def never(similarity: Tensor) -> float:
    """The entry that `nearest` never marks: -inf, or the lowest of an integer type."""
    return float("-inf") if similarity.is_floating_point() else torch.iinfo(similarity.dtype).min


def nearest(similarity: Tensor, k: int) -> Tensor:
    """Mark the `k` largest entries of each row; entries that are `never` of their type are not marked.

    Ties go to the lower index, on every device, so that duplicates give the same graph everywhere.

    Args:
        similarity: (..., N, N), entry [target, source], of any real type.
        k: How many sources a target gets at most.

    Returns:
        Boolean (..., N, N).
    """
    order = similarity.argsort(dim=-1, descending=True, stable=True)[..., :k]
    chosen = torch.zeros_like(similarity, dtype=torch.bool).scatter(-1, order, True)
    return chosen & (similarity > never(similarity))
