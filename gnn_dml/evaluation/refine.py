"""Message passing at test time: every image is refined in the graph of its neighbours.

Legend: N images, D channels, B graphs, n nodes of a neighbourhood.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch_geometric.transforms import BaseTransform

from gnn_dml.errors import UserError
from gnn_dml.evaluation.neighbourhoods import Neighbourhoods
from gnn_dml.graphs import build_edges, describe, takes_batches, uses_labels, within
from gnn_dml.metrics.scale import normalize_rows
from gnn_dml.models import Refiner
from gnn_dml.training.learner import Learner

CHUNK_NODES = 4096
"""Nodes refined at once, unless said otherwise: of what was tried, the fastest on a CPU for 7 nodes of 512 channels."""


@torch.no_grad()
def refine_in_neighbourhoods(
    refiner: Refiner,
    topology: BaseTransform,
    features: Tensor,
    *,
    neighbourhoods: Neighbourhoods,
    query: Tensor | None = None,
    nodes_at_once: int = CHUNK_NODES,
) -> Tensor:
    """Refine every image in a graph of its own: itself and its neighbours.

    The images' labels are not used, and neither is any other image's: each graph holds one query.

    Args:
        refiner: In eval mode; its last output is taken.
        topology: The edges inside a neighbourhood.
        features: Embeddings (N, D).
        neighbourhoods: Which images join each image.
        query: bool (N,), which images are queries: they join no other image. None if there is no gallery apart.
        nodes_at_once: Nodes of the graphs refined at once; it changes the speed and the memory, not the embeddings.

    Returns:
        L2-normalised refined embeddings (N, D'). Those of features that hold NaN or infinity are NaN, and such features
        join no other image.

    Raises:
        UserError: If the topology is built from labels, which test images do not have.

    Example:
        >>> from functools import partial
        >>> from gnn_dml.evaluation import NearestNeighbourhoods
        >>> from gnn_dml.graphs import Complete
        >>> from gnn_dml.layers import DotProductAttention
        >>> refiner = Refiner(8, num_classes=3, layer=partial(DotProductAttention, num_heads=2)).eval()
        >>> x = torch.randn(20, 8)
        >>> refine_in_neighbourhoods(refiner, Complete(), x, neighbourhoods=NearestNeighbourhoods(5)).shape
        torch.Size([20, 8])
    """
    finite = torch.isfinite(features).all(dim=1)
    kept = normalize_rows(features[finite])
    refined = features.new_full((len(features), refiner.out_dim), torch.nan)
    if len(kept):
        groups = neighbourhoods(kept, query=None if query is None else query[finite])
        refined[finite] = refine_groups(refiner, topology, kept, groups, nodes_at_once=nodes_at_once)
    return refined


@torch.no_grad()
def refine_groups(
    refiner: Refiner, topology: BaseTransform, features: Tensor, groups: Tensor, *, nodes_at_once: int = CHUNK_NODES
) -> Tensor:
    """Refine the first image of each group in the graph of the group.

    Args:
        refiner: As in `refine_in_neighbourhoods`.
        topology: Likewise; it is fitted to the size of the groups (`gnn_dml.graphs.within`).
        features: Embeddings (N, D).
        groups: Indices (B, n) of the images of each graph.
        nodes_at_once: As in `refine_in_neighbourhoods`.

    Returns:
        L2-normalised refined embeddings (B, D').

    Raises:
        UserError: As in `refine_in_neighbourhoods`.
    """
    if uses_labels(topology):
        raise UserError(f"{describe(topology)} is built from labels, and test images have none; use a label-free graph")
    features = normalize_rows(features)
    fitted = within(topology, groups.size(1))
    step = max(1, nodes_at_once // groups.size(1))
    return torch.cat([_first_nodes(refiner, fitted, features[chunk]) for chunk in torch.split(groups, step)])


def _first_nodes(refiner: Refiner, topology: BaseTransform, x: Tensor) -> Tensor:
    """The refined first node of each graph: (B, n, D) -> (B, D')."""
    if takes_batches(topology):
        return refiner.first(x, *build_edges(topology, x, None))
    # A transform from elsewhere may know nothing of batches, so it sees one graph at a time.
    return torch.stack([refiner.first(graph, *build_edges(topology, graph, None)) for graph in x])


def describe_test_graph(learner: Learner, neighbourhoods: Neighbourhoods) -> str:
    """On a line, how test images are refined; empty without a refiner."""
    topology = learner.test_topology
    if topology is None:
        return ""
    size = getattr(neighbourhoods, "neighbours", None)
    fitted = topology if size is None else within(topology, size + 1)
    return f"{describe(fitted)} over {neighbourhoods}"
