"""The three ways to say which edges exist, and the way from each to the others.

Legend: N nodes, D channels, H heads, E edges, B graphs of equal size. Edges are None (every pair, self-loops included),
a boolean adjacency (N, N) or (B, N, N) with entry [target, source], or an edge_index (2, E) of (source, target), of any
type of whole numbers.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch_geometric import is_compiling
from torch_geometric.typing import Adj
from torch_geometric.utils import add_self_loops, remove_self_loops

INTEGERS = (torch.uint8, torch.int8, torch.int16, torch.int32, torch.int64)
"""Types of an edge_index, as PyG takes them."""


class EdgeIndexError(ValueError, IndexError):
    """An edge names a node that is not there: an IndexError as in PyG, and a ValueError like any wrong argument."""


def is_symbolic() -> bool:
    """Whether the code is being traced or compiled, so that no number of a tensor can be looked at."""
    return bool(is_compiling() or torch.jit.is_tracing())  # type: ignore[attr-defined, no-untyped-call]


def is_dense(edges: Adj | None) -> bool:
    """Whether `edges` is a dense description: None or a boolean adjacency."""
    return edges is None or (isinstance(edges, Tensor) and edges.layout == torch.strided and edges.dtype == torch.bool)


def every_pair(adjacency: Tensor | None) -> bool | None:
    """Whether the self-loops are edges, if all other pairs are; None if they are not, or it cannot be seen for free.

    Args:
        adjacency: Boolean (..., N, N), or None for every pair, self-loops included.
    """
    if adjacency is None:
        return True
    n = adjacency.size(-1)
    if n < 2 or adjacency.device.type != "cpu" or is_symbolic():
        return None
    missing = adjacency.numel() - int(adjacency.count_nonzero())
    loops = adjacency.diagonal(dim1=-2, dim2=-1)
    if missing == 0:
        return True
    return False if missing == loops.numel() and not loops.any() else None


def as_index(edges: Tensor) -> Tensor:
    """An edge_index in a type that indexing takes, which int32 and int64 are."""
    return edges if edges.dtype in (torch.int32, torch.int64) else edges.long()


def check_edges(x: Tensor, edges: Tensor | None, edge_weight: Tensor | None) -> None:
    """Raise ValueError unless nodes, edges and weights fit together.

    Numbers are looked at once, on the CPU; on other devices a wrong one stops the program later, without a wait for it.

    Args:
        x: (N, D) or (B, N, D).
        edges: As in the legend of this file.
        edge_weight: (E,) beside an edge_index; the shape of the adjacency beside one; (..., N, N) beside None.
    """
    if x.dim() not in (2, 3):
        raise ValueError(f"x must have the shape (N, D) or (B, N, D), not {tuple(x.shape)}")
    n = x.size(-2)
    if is_dense(edges):
        shapes = {(n, n), (*x.shape[:-1], n)}
        for name, matrix in (("the adjacency", edges), ("edge_weight beside a dense graph", edge_weight)):
            if matrix is not None and tuple(matrix.shape) not in shapes:
                raise ValueError(f"{name} must have the shape {sorted(shapes)[0]}, not {tuple(matrix.shape)}")
        return
    assert edges is not None
    if edges.dim() != 2 or edges.size(0) != 2 or edges.dtype not in INTEGERS:
        raise ValueError(
            "edges must be a boolean adjacency (N, N), an edge_index of shape (2, E) of whole numbers, or None; "
            f"not {edges.dtype} of shape {tuple(edges.shape)}"
        )
    if not is_symbolic():
        _check_range(n, edges)
    if edge_weight is not None and edge_weight.shape != edges.shape[1:]:
        raise ValueError(
            f"edge_weight must have one entry per edge, ({edges.size(1)},), not {tuple(edge_weight.shape)}"
        )


def _check_range(n: int, edge_index: Tensor) -> None:
    """Raise EdgeIndexError if an edge names a node that is not there; on CUDA the device stops at its own time."""
    if not edge_index.numel():
        return
    if edge_index.device.type == "cuda":
        torch._assert_async(((edge_index >= 0) & (edge_index < n)).all())
    if edge_index.device.type == "cpu":
        least, most = (int(number) for number in edge_index.aminmax())
        if least < 0 or most >= n:
            raise EdgeIndexError(
                f"edge_index must hold numbers of nodes, 0 to {n - 1}, and it holds {least if least < 0 else most}"
            )


def to_adjacency(n: int, edge_index: Tensor) -> Tensor:
    """The boolean matrix (N, N), entry [target, source], of an edge_index (2, E) that `check_edges` has seen."""
    adjacency = torch.zeros(n * n, dtype=torch.bool, device=edge_index.device)
    adjacency[edge_index[1].long() * n + edge_index[0]] = True
    return adjacency.view(n, n)


def to_weights(n: int, edge_index: Tensor, edge_weight: Tensor) -> Tensor:
    """The weights (E,) of an edge_index as a matrix (N, N), entry [target, source]; 0 without an edge."""
    flat = torch.zeros(n * n, dtype=edge_weight.dtype, device=edge_weight.device)
    return flat.index_put((edge_index[1].long() * n + edge_index[0],), edge_weight).view(n, n)


def to_sparse(x: Tensor, edges: Tensor | None, edge_weight: Tensor | None) -> tuple[Tensor, Tensor | None]:
    """Edges and weights as (edge_index (2, E'), weights (E',) or None) over the B * N nodes of `x.reshape(-1, D)`.

    The graphs of a batch become one graph without edges between them; an edge_index beside (B, N, D) holds for each.
    The edges of the first graph come first, then those of the second, and so on.
    """
    n, device = x.size(-2), x.device
    graphs = x.size(0) if x.dim() == 3 else 1
    if edges is None or edges.dtype == torch.bool:
        if edges is None:
            edges = torch.ones(n, n, dtype=torch.bool, device=device)
        edges = edges.expand(graphs, n, n)
        graph, target, source = edges.nonzero(as_tuple=True)
        weight = None if edge_weight is None else edge_weight.expand(graphs, n, n)[graph, target, source]
        return torch.stack((source, target)) + graph * n, weight
    edges = edges.long()
    if graphs == 1:
        return edges, edge_weight
    shift = torch.arange(graphs, device=device).repeat_interleave(edges.size(1)) * n
    weight = None if edge_weight is None else edge_weight.repeat(graphs)
    return edges.repeat(1, graphs) + shift, weight


def with_self_loops(x: Tensor, edges: Tensor | None) -> Tensor | None:
    """The same edges with one self-loop at every node; in an edge_index the self-loops come last, as PyG puts them."""
    if edges is None:
        return None
    n = x.size(-2)
    if edges.dtype == torch.bool:
        return edges | torch.eye(n, dtype=torch.bool, device=edges.device)
    looped: Tensor = add_self_loops(remove_self_loops(edges)[0], num_nodes=n)[0]
    return looped


def attention_of_edges(attention: Tensor, edge_index: Tensor) -> Tensor:
    """Read attention (..., H, N, N), entry [target, source], along an edge_index (2, E): (..., E, H)."""
    source, target = edge_index
    return attention[..., target, source].mT


def attention_matrix(x: Tensor, attention: Tensor, edge_index: Tensor) -> Tensor:
    """Lay attention (E', H) along the edges of `to_sparse` out as a matrix (..., H, N, N): 0 without an edge."""
    n = x.size(-2)
    graphs = x.size(0) if x.dim() == 3 else 1
    source, target = edge_index
    matrix = attention.new_zeros(graphs, n, n, attention.size(1))
    matrix = matrix.index_put((target // n, target % n, source % n), attention).permute(0, 3, 1, 2)
    return matrix if x.dim() == 3 else matrix[0]


def attention_as_given(x: Tensor, attention: Tensor, edge_index: Tensor, edges: Tensor | None) -> Tensor:
    """Attention (E', H) of the sparse path in the form in which the edges were given.

    Args:
        x: (N, D) or (B, N, D).
        attention: (E', H), along `edge_index`.
        edge_index: (2, E'), over the B * N nodes; edges of one graph keep the order of `edges`.
        edges: As given by the caller.

    Returns:
        (..., H, N, N) for dense edges; (E, H) or (B, E, H) for an edge_index.
    """
    if is_dense(edges):
        return attention_matrix(x, attention, edge_index)
    if x.dim() == 2:
        return attention
    by_graph = (edge_index[1] // x.size(1)).argsort(stable=True)
    return attention[by_graph].view(x.size(0), -1, attention.size(1))
