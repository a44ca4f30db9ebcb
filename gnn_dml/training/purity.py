"""How much of the attention stays inside the class, over an epoch of training."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from gnn_dml.graphs import Edges
from gnn_dml.metrics import ClassAttention, class_attention
from gnn_dml.training.look import BlockView

MEASURED = 4
"""Mini-batches of an epoch that are measured, at most."""

ONE_IN = 10
"""The largest share of an epoch's mini-batches that is measured, beyond the first, is one in this many."""


def measured_batches(batches: int, *, most: int = MEASURED, one_in: int = ONE_IN) -> frozenset[int]:
    """Which mini-batches of an epoch are measured: evenly spaced, one of a short epoch, and at most `most`.

    Args:
        batches: Of the epoch.
        most: At most as many; 0 measures none.
        one_in: At most one in so many, but one where there are any.

    Returns:
        Their numbers, from 1.
    """
    count = min(most, max(1, batches // one_in), batches)
    return frozenset(1 + (2 * i + 1) * batches // (2 * count) for i in range(count))


class PurityMeter:
    """Sums the attention of every block and head by class, over some mini-batches of an epoch."""

    def __init__(self) -> None:
        self.uniform: list[ClassAttention] = []
        self.blocks: list[list[ClassAttention]] = []

    @torch.no_grad()
    def add(self, views: Sequence[BlockView], edges: Edges, labels: Tensor) -> None:
        """Add a mini-batch: what every block did with it, its graph, and its labels (N,)."""
        self.uniform.append(class_attention(uniform_attention(edges.edges, labels), labels, _index(edges.edges)))
        self.blocks.append([class_attention(view.attention, labels, _index(view.edges)) for view in views])

    def row(self) -> dict[str, float]:
        """`purity_chance`, what uniform attention over the same edges would give, and `purity_layer1_head1` and so on.

        Fractions in [0, 1], NaN where no attention goes to other nodes; empty if nothing was added.
        """
        if not self.blocks:
            return {}
        found = {"purity_chance": float(_added(self.uniform).purity)}
        for layer, batches in enumerate(zip(*self.blocks, strict=True), start=1):
            for head, purity in enumerate(_added(batches).purity.tolist(), start=1):
                found[f"purity_layer{layer}_head{head}"] = purity
        return found


def _index(edges: Tensor | None) -> Tensor | None:
    """The edges if they are an edge_index, else None."""
    return edges if edges is not None and edges.dtype == torch.long else None


def uniform_attention(edges: Tensor | None, labels: Tensor) -> Tensor:
    """Every node listens to all its neighbours alike.

    Args:
        edges: None for every pair, a boolean adjacency (N, N) [target, source], or an edge_index (2, E).
        labels: (N,).

    Returns:
        (1, N, N), or (E, 1) beside an edge_index.
    """
    n = len(labels)
    if edges is None:
        return torch.full((1, n, n), 1 / n, device=labels.device)
    if edges.dtype == torch.bool:
        return (edges / edges.sum(-1, keepdim=True).clamp(min=1))[None]
    # torch.bincount would wait for a GPU, to learn the largest number.
    degree = torch.zeros(n, dtype=torch.long, device=edges.device).index_add(0, edges[1], torch.ones_like(edges[1]))
    return (1 / degree[edges[1]])[:, None]


def _added(parts: list[ClassAttention] | tuple[ClassAttention, ...]) -> ClassAttention:
    return ClassAttention(*(torch.stack(column).cpu().double().sum(0) for column in zip(*parts, strict=True)))
