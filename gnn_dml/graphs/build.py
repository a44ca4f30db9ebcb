"""From any graph transform to what a refiner takes: the one place that knows topologies, `Compose` and the rest."""

from __future__ import annotations

from torch import Tensor
from torch_geometric.data import Data
from torch_geometric.transforms import BaseTransform, Compose

from gnn_dml.graphs.base import Edges, Topology
from gnn_dml.graphs.complete import Complete
from gnn_dml.graphs.describe import describe, parts
from gnn_dml.graphs.drop_edge import DropEdge


def build_edges(topology: BaseTransform, x: Tensor, y: Tensor | None) -> Edges:
    """Build the graph of one mini-batch, or of B graphs at once.

    A `Topology`, alone or followed by `DropEdge`, answers with its adjacency, which keeps the dense path open. Any
    other PyG transform that adds edges (one of PyG's own, one of yours) is run on `Data(x, y)`, x detached. Labels
    reach only what says `uses_labels`: no graph is built from them unsaid.

    Args:
        topology: The transform.
        x: Node features (N, D); also (B, N, D) where `takes_batches(topology)`.
        y: Labels (N,) or (B, N), or None.

    Raises:
        ValueError: If the transform adds no `edge_index`, or takes no batches and gets one.

    >>> import torch
    >>> from gnn_dml.graphs import KNN, build_edges
    >>> x = torch.randn(2, 5, 8)  # two graphs of five nodes
    >>> edges, weight = build_edges(KNN(2), x, None)
    >>> edges.shape, weight
    (torch.Size([2, 5, 5]), None)
    """
    if takes_batches(topology):
        first, *drops = parts(topology)
        edges: Edges = first.edges(x, y)
        for part in drops:
            edges = part.drop(edges, x)
        return edges
    if x.dim() != 2:
        raise ValueError(f"{describe(topology)} takes one graph at a time, (N, D), and x is {tuple(x.shape)}")
    return run_transform(topology, x, y if uses_labels(topology) else None)


def run_transform(topology: BaseTransform, x: Tensor, y: Tensor | None) -> Edges:
    """The edges that a PyG transform adds to `Data(x, y)`, x detached.

    Raises:
        ValueError: If it adds none.
    """
    data = topology(Data(x=x.detach(), y=y))
    if data.edge_index is None:
        raise ValueError(f"{describe(topology)} added no edge_index, so it is no topology")
    return Edges(data.edge_index, getattr(data, "edge_weight", None))


def takes_batches(topology: BaseTransform) -> bool:
    """Whether `build_edges` takes nodes (B, N, D): a `Topology`, or one followed by nothing but `DropEdge`."""
    found = parts(topology)
    return bool(found) and isinstance(found[0], Topology) and all(isinstance(part, DropEdge) for part in found[1:])


def for_test(topology: BaseTransform) -> BaseTransform:
    """The graph for unseen images.

    Parts that are `training_only`, such as `DropEdge`, are left out of a `Compose`. If what is left builds edges from
    labels, which unseen images do not have, the complete graph takes its place, with self-loops where it had them.

    Raises:
        ValueError: If nothing is left.
    """
    left = [part for part in parts(topology) if not getattr(part, "training_only", False)]
    if not left:
        raise ValueError(f"{describe(topology)} has no part that adds edges, so it is no topology")
    built = next((part for part in left if uses_labels(part)), None)
    if built is not None:
        return Complete(loop=getattr(built, "loop", None) is not False)
    return left[0] if len(left) == 1 else Compose(left)


def within(topology: BaseTransform, nodes: int) -> BaseTransform:
    """A transform for graphs of so many nodes, where a part asks for more than there are; see `Topology.within`.

    >>> from gnn_dml.graphs import KNN, within
    >>> within(KNN(8), 5)
    KNN(k=4, loop=True)
    """
    fitted = [part.within(nodes) if isinstance(part, Topology) else part for part in parts(topology)]
    if all(new is old for new, old in zip(fitted, parts(topology), strict=True)):
        return topology
    return fitted[0] if len(fitted) == 1 else Compose(fitted)


def gives_weights(topology: BaseTransform) -> bool:
    """Whether the edges of a transform come with weights, as its parts say.

    In a `Compose` a `Topology` replaces what came before it, and any other part leaves or adds weights.
    """
    said = False
    for part in parts(topology):
        own = bool(getattr(part, "gives_weights", False))
        said = own if isinstance(part, Topology) else said or own
    return said


def uses_labels(topology: BaseTransform) -> bool:
    """Whether a transform, or any part of a PyG `Compose`, builds edges from labels."""
    inside = getattr(topology, "transforms", [])
    return bool(getattr(topology, "uses_labels", False)) or any(uses_labels(part) for part in inside)
