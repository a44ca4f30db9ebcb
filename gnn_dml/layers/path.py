"""Which of the two paths computes a layer: the dense one on (N, N) matrices or the sparse one along the edges.

Both give the same numbers, so this is a matter of speed alone. `benchmarks/crossover.py` measures where, on a CPU, the
one overtakes the other, for 512 channels and 8 heads; with fewer channels the sparse path wins a little longer than the
figures say.
"""

from __future__ import annotations

import math
from typing import Literal, get_args

import torch
from torch import Tensor

from gnn_dml.layers.edges import is_dense

Backend = Literal["auto", "dense", "sparse"]


class Crossover:
    """From how many edges on the dense path of a layer is the faster one, by the size of the graph.

    Args:
        *measured: Pairs (nodes, edges) at which both paths took the same time, by rising nodes; at least two. Between
            them and beyond, the number of edges is a power of the number of nodes.
    """

    def __init__(self, *measured: tuple[int, int]) -> None:
        self.points = [(math.log(nodes), math.log(edges)) for nodes, edges in measured]

    def edges(self, nodes: int) -> float:
        """The number of edges at which both paths take the same time."""
        at = math.log(max(1, nodes))
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


def runs_dense(backend: Backend, x: Tensor, edges: Tensor | None, crossover: Crossover) -> bool:
    """Whether the dense path is to be taken.

    Args:
        backend: "dense" and "sparse" decide by themselves; under "auto" the complete graph is dense, and any other goes
            by its size and number of edges. Away from the CPU, where counting would wait for the device, the form of
            the edges decides: a matrix is dense, an edge_index sparse.
        x: (N, D) or (B, N, D).
        edges: None, a boolean adjacency or an edge_index.
        crossover: Of the layer that asks.
    """
    if backend != "auto":
        return backend == "dense"
    if edges is None:
        return True
    if x.device.type != "cpu":
        return is_dense(edges)
    n = x.size(-2)
    if edges.dtype == torch.bool:
        graphs = edges.size(0) if edges.dim() == 3 else 1
        return crossover.prefers_dense(n, int(edges.count_nonzero()) / max(1, graphs))
    return crossover.prefers_dense(n, edges.size(1)) and not _has_repeats(n, edges)


def _has_repeats(n: int, edge_index: Tensor) -> bool:
    """Whether an edge stands in `edge_index` (2, E) twice, which only the sparse path can count."""
    seen = torch.zeros(n * n, dtype=torch.bool)
    seen[edge_index[1] * n + edge_index[0]] = True
    return int(seen.count_nonzero()) != edge_index.size(1)
