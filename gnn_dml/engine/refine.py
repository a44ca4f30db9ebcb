"""Message passing at test time: every image is refined in the graph of its nearest neighbours.

Legend: N images, D channels, m neighbours, n = m + 1 nodes of a neighbourhood.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import normalize
from torch_geometric.transforms import BaseTransform

from gnn_dml.errors import UserError
from gnn_dml.graphs import build_edges, describe, takes_batches, uses_labels
from gnn_dml.models import Refiner

CHUNK_NODES = 8192
"""Nodes refined at once."""


@torch.no_grad()
def nearest_neighbours(features: Tensor, m: int, *, query: Tensor | None = None, block: int = 1024) -> Tensor:
    """The m most similar other images of each image, nearest first; ties go to the lower index.

    Args:
        features: L2-normalised (N, D).
        m: How many; at most N - 1, or the number of gallery images less one.
        query: bool (N,), which images are queries: nobody's neighbours. None if every image may be a neighbour.
        block: Images compared with all others at once.

    Returns:
        Indices (N, m).
    """
    found = []
    for start in range(0, len(features), block):
        similarity = features[start : start + block] @ features.T
        index = torch.arange(len(similarity), device=features.device)
        if query is not None:
            similarity[:, query.to(features.device)] = -2.0
        similarity[index, index + start] = -2.0  # below every cosine
        found.append(similarity.argsort(dim=1, descending=True, stable=True)[:, :m])
    return torch.cat(found)


def most_neighbours(images: int, query: Tensor | None) -> int:
    """How many neighbours each of that many images can have at most; `query` as in `nearest_neighbours`."""
    return (images if query is None else int((~query).sum())) - 1


@torch.no_grad()
def refine_in_neighbourhoods(
    refiner: Refiner, topology: BaseTransform, features: Tensor, *, neighbours: int, query: Tensor | None = None
) -> Tensor:
    """Refine every image in a graph of its own: itself and its nearest neighbours.

    The images' labels are not used, and neither is any other image's: each graph holds one query.

    Args:
        refiner: In eval mode; its last output is taken.
        topology: The edges inside a neighbourhood.
        features: Embeddings (N, D).
        neighbours: m, how many images join each image; fewer where there are not as many.
        query: bool (N,), which images are queries: they join no other image. None if there is no gallery apart.

    Returns:
        L2-normalised refined embeddings (N, D').

    Raises:
        UserError: If the topology is built from labels, which test images do not have.
    """
    if uses_labels(topology):
        raise UserError(f"{describe(topology)} is built from labels, and test images have none; use a label-free graph")
    features = normalize(features, dim=1)
    others = nearest_neighbours(features, min(neighbours, most_neighbours(len(features), query)), query=query)
    groups = torch.cat([torch.arange(len(features), device=features.device)[:, None], others], dim=1)
    step = max(1, CHUNK_NODES // groups.size(1))
    return torch.cat([_first_nodes(refiner, topology, features[chunk]) for chunk in torch.split(groups, step)])


def _first_nodes(refiner: Refiner, topology: BaseTransform, x: Tensor) -> Tensor:
    """The refined first node of each graph: (B, n, D) -> (B, D')."""
    if takes_batches(topology):
        refined: Tensor = refiner(x, *build_edges(topology, x, None)).features[-1][:, 0]
        return refined
    # A transform from elsewhere may know nothing of batches, so it sees one graph at a time.
    return torch.stack([refiner(graph, *build_edges(topology, graph, None)).features[-1][0] for graph in x])
