"""Features of edges in the two forms that a layer takes them in, and the way from each to the other.

Legend: N nodes, H heads, E edges, F features of an edge, B graphs of equal size. Beside a matrix of edges or None the
features are (N, N, F) or (B, N, N, F), entry [target, source]; beside an edge_index (E, F), or (B, E, F) where the
graphs differ.
"""

from __future__ import annotations

from torch import Tensor

from gnn_dml.layers.edges import is_dense


def check_attributes(x: Tensor, edges: Tensor | None, attributes: Tensor | None, dim: int | None) -> None:
    """Raise ValueError unless features fit nodes and edges, which `gnn_dml.layers.edges.check_edges` has seen.

    Args:
        x: (N, D) or (B, N, D).
        edges: None, a boolean adjacency or an edge_index.
        attributes: As in the legend of this file; None fits.
        dim: F, or None for a layer that takes no features.
    """
    if attributes is None:
        return
    if dim is None:
        raise ValueError("edge_attr needs a layer built with edge_dim; edge weights go by keyword, edge_weight=")
    n = x.size(-2)
    one: tuple[int, ...] = (n, n, dim)
    if edges is not None and not is_dense(edges):
        one = (edges.size(1), dim)
    if tuple(attributes.shape) not in {one, (*x.shape[:-2], *one)}:
        raise ValueError(f"edge_attr must have the shape {one} beside these edges, not {tuple(attributes.shape)}")


def along_edges(x: Tensor, edges: Tensor | None, attributes: Tensor, index: Tensor) -> Tensor:
    """Features along the edges that `gnn_dml.layers.edges.to_sparse` makes of `edges`: (E', F).

    Args:
        x: (N, D) or (B, N, D).
        edges: As they were given.
        attributes: As in the legend of this file.
        index: What `to_sparse` returned, (2, E') over B * N nodes.
    """
    graphs = x.size(0) if x.dim() == 3 else 1
    if is_dense(edges):
        source, target = index
        n = x.size(-2)
        every = attributes.expand(graphs, n, n, attributes.size(-1))
        return every[target // n, target % n, source % n]
    assert edges is not None
    return attributes.expand(graphs, edges.size(1), attributes.size(-1)).flatten(0, 1)


def as_matrix(x: Tensor, edges: Tensor | None, attributes: Tensor) -> Tensor:
    """Features as a matrix (N, N, F) or (B, N, N, F), entry [target, source]; 0 where an edge_index has no edge."""
    if is_dense(edges):
        return attributes
    assert edges is not None
    n = x.size(-2)
    place = edges[1].long() * n + edges[0]
    graphs, features = attributes.shape[:-2], attributes.size(-1)
    flat = attributes.new_zeros(*graphs, n * n, features).index_copy(-2, place, attributes)
    return flat.view(*graphs, n, n, features)


def logits_matrix(x: Tensor, edges: Tensor | None, attributes: Tensor | None, weight: Tensor | None) -> Tensor | None:
    """What features add to the logits of every pair, (..., H, N, N), or None without features.

    Args:
        x: (N, D) or (B, N, D).
        edges: None, a boolean adjacency or an edge_index.
        attributes: As in the legend of this file, or None.
        weight: Of the linear map from features to heads, (H, F).
    """
    if attributes is None or weight is None:
        return None
    added = (as_matrix(x, edges, attributes.to(weight.dtype)) @ weight.mT).movedim(-1, -3)
    return added[None] if added.dim() == x.dim() else added


def logits_along(
    x: Tensor, edges: Tensor | None, attributes: Tensor | None, index: Tensor, weight: Tensor | None
) -> Tensor | None:
    """The same along the edges that `to_sparse` makes of `edges`, (E', H); arguments as in `along_edges`."""
    if attributes is None or weight is None:
        return None
    return along_edges(x, edges, attributes.to(weight.dtype), index) @ weight.mT


def read_edges(features: Tensor, edges: Tensor | None) -> Tensor:
    """Features of every pair (..., N, N, F) in the form that goes with `edges`: as they are, or (..., E, F)."""
    if edges is None or is_dense(edges):
        return features
    source, target = edges.long()
    return features[..., target, source, :]
