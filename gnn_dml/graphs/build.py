"""From any graph transform to what a refiner takes: the one place that knows both kinds."""

from __future__ import annotations

from typing import NamedTuple

from torch import Tensor
from torch_geometric.data import Data
from torch_geometric.transforms import BaseTransform

from gnn_dml.graphs.base import Topology


class Edges(NamedTuple):
    """The edges of a mini-batch, ready to be passed on as `refiner(x, *edges)`.

    Attributes:
        edges: None for every pair, a boolean adjacency (N, N) [target, source], or an edge_index (2, E).
        edge_weight: (E,) beside an edge_index, or None.
    """

    edges: Tensor | None
    edge_weight: Tensor | None


def build_edges(topology: BaseTransform, x: Tensor, y: Tensor | None) -> Edges:
    """Build the graph of one mini-batch.

    A `Topology` answers with its adjacency, which keeps the dense path open. Any other PyG transform that adds edges (a
    `Compose`, one of PyG's own, one of yours) is run on `Data(x, y)`.

    Args:
        topology: The transform.
        x: Node features (N, D).
        y: Labels (N,), or None.

    Raises:
        ValueError: If the transform adds no `edge_index`.
    """
    if isinstance(topology, Topology):
        return Edges(topology.adjacency(x, y), None)
    data = topology(Data(x=x.detach(), y=y))
    if data.edge_index is None:
        raise ValueError(f"{topology!r} added no edge_index, so it is no topology")
    return Edges(data.edge_index, getattr(data, "edge_weight", None))


def uses_labels(topology: BaseTransform) -> bool:
    """Whether a transform, or any part of a PyG `Compose`, builds edges from labels."""
    parts = getattr(topology, "transforms", [])
    return bool(getattr(topology, "uses_labels", False)) or any(uses_labels(part) for part in parts)
