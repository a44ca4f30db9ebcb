"""Which of the two paths computes a layer: the dense one on (N, N) matrices or the sparse one along the edges.

Both give the same numbers, so this is a matter of speed alone. On a CPU, `benchmarks/message_passing.py --crossover`
measured where one overtakes the other.
"""

from __future__ import annotations

from typing import Literal, NamedTuple, get_args

import torch
from torch import Tensor

from gnn_dml.layers.edges import is_dense

Backend = Literal["auto", "dense", "sparse"]


class Crossover(NamedTuple):
    """Up to where the sparse path is the faster one.

    It costs about as much as `per_edge` pairs of the dense path for each edge, and `fixed` pairs once.

    Attributes:
        per_edge: Pairs of nodes that the dense path computes in the time of one edge.
        fixed: Pairs of nodes that the dense path computes in the time that the sparse path takes without edges.
    """

    per_edge: float
    fixed: float

    def prefers_dense(self, nodes: int, edges: float) -> bool:
        """Whether the dense path is the faster one for a graph of that many nodes and edges."""
        return nodes * nodes <= self.fixed + self.per_edge * edges


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
