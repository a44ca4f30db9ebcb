"""Which of the two paths computes a layer: the dense one on (N, N) matrices or the sparse one along the edges.

Both give the same numbers, so this is a matter of speed alone. `benchmarks/crossover.py` measures where, on a CPU, the
one overtakes the other, for 512 channels and 8 heads and up to 2048 nodes; with fewer channels the sparse path wins a
little longer than the figures say.
"""

from __future__ import annotations

import math
from typing import Literal, NamedTuple, get_args

import torch
from torch import Tensor

from gnn_dml.layers.edges import is_symbolic, to_adjacency

Backend = Literal["auto", "dense", "sparse"]


class Crossover:
    """From how many edges on the dense path of a layer is the faster one, by the size of the graph.

    Args:
        *measured: Pairs (nodes, edges) at which both paths took the same time, by rising nodes; at least two. Between
            them and below, the number of edges is a power of the number of nodes. Above the last one the share of the
            pairs that are edges stays what it is there, since the work of the dense path grows with all pairs.
    """

    def __init__(self, *measured: tuple[int, int]) -> None:
        self.points = [(math.log(nodes), math.log(edges)) for nodes, edges in measured]

    def edges(self, nodes: int) -> float:
        """The number of edges at which both paths take the same time."""
        at = math.log(max(1, nodes))
        last, at_last = self.points[-1]
        if at > last:
            return math.exp(at_last + 2 * (at - last))
        later = next((i for i, (x, _) in enumerate(self.points) if x >= at), len(self.points) - 1)
        (x0, y0), (x1, y1) = self.points[max(0, later - 1)], self.points[max(1, later)]
        return math.exp(y0 + (y1 - y0) * (at - x0) / (x1 - x0))

    def prefers_dense(self, nodes: int, edges: float) -> bool:
        """Whether the dense path is the faster one for a graph of that many nodes and edges."""
        return edges >= self.edges(nodes)


def check_backend(backend: str) -> None:
    """Raise ValueError unless `backend` is a known one."""
    if backend not in get_args(Backend):
        raise ValueError(f"backend must be one of {', '.join(get_args(Backend))}, not {backend!r}")


class Path(NamedTuple):
    """The path to take.

    Attributes:
        dense: Whether it is the dense one.
        adjacency: For the dense one, the boolean matrix of the edges, or None for every pair.
    """

    dense: bool
    adjacency: Tensor | None = None


def choose_path(backend: Backend, x: Tensor, edges: Tensor | None, crossover: Crossover) -> Path:
    """Choose the path of a layer; an edge_index becomes a matrix only where the dense one is taken.

    Args:
        backend: "dense" and "sparse" decide by themselves; under "auto" the complete graph is dense, and any other goes
            by its size and number of edges. Away from the CPU, where counting would wait for the device, and while
            torch compiles, the form of the edges decides: a matrix is dense, an edge_index sparse.
        x: (N, D) or (B, N, D).
        edges: None, a boolean adjacency or an edge_index, as `check_edges` has seen them.
        crossover: Of the layer that asks.

    Raises:
        ValueError: If "dense" is forced on an edge_index that has an edge twice, which a matrix cannot say.
    """
    if backend == "sparse":
        return Path(False)
    counts = x.device.type == "cpu" and not is_symbolic()
    n = x.size(-2)
    if edges is None or edges.dtype == torch.bool:
        if backend == "dense" or edges is None or not counts:
            return Path(True, edges)
        graphs = edges.size(0) if edges.dim() == 3 else 1
        return Path(crossover.prefers_dense(n, int(edges.count_nonzero()) / max(1, graphs)), edges)
    if backend == "auto" and not (counts and crossover.prefers_dense(n, edges.size(1))):
        return Path(False)
    adjacency = to_adjacency(n, edges)
    if counts and int(adjacency.count_nonzero()) != edges.size(1):
        if backend == "dense":
            raise ValueError("an edge stands in edge_index more than once; only backend='sparse' can count it twice")
        return Path(False)
    return Path(True, adjacency)
