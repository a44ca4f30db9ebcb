"""Edges chosen by class: same class only, other classes only, or the nearest of each."""

from __future__ import annotations

from typing import Literal, get_args

from torch import Tensor

from gnn_dml.graphs.base import Topology, diagonal, nearest, never, rank_cosine

Mode = Literal["same", "other", "nearest"]


class ClassAware(Topology):
    """A graph built from the labels of the mini-batch; for training only, since test images have no labels.

    The label leaks into the refined embedding: under `mode="same"` a node's neighbours say which class it is. Judge
    such a run by its backbone embedding, and read its refined training loss with that in mind.

    Args:
        mode: "same": every node hears its own class. "other": every node hears all other classes. "nearest": every node
            hears its k nearest of its own class and its k nearest of the other classes (by cosine similarity; fewer
            where fewer exist).
        k: The number for `mode="nearest"`; not allowed in the other modes.
        loop: Whether every node hears itself too, in every mode.

    Raises:
        ValueError: If the mode is unknown, or k is missing, below 1, or given to a mode that takes none.

    >>> import torch
    >>> from gnn_dml.graphs import ClassAware
    >>> x, y = torch.randn(4, 8), torch.tensor([0, 0, 1, 1])
    >>> ClassAware("same").adjacency(x, y).int().tolist()
    [[1, 1, 0, 0], [1, 1, 0, 0], [0, 0, 1, 1], [0, 0, 1, 1]]
    >>> ClassAware("nearest", k=1, loop=False).adjacency(x, y).sum(dim=1).tolist()  # one of each kind
    [2, 2, 2, 2]
    """

    uses_labels = True

    def __init__(self, mode: Mode = "nearest", k: int | None = None, *, loop: bool = True) -> None:
        super().__init__(loop=loop)
        if mode not in get_args(Mode):
            raise ValueError(f"mode must be one of {', '.join(get_args(Mode))}, not {mode!r}")
        if mode == "nearest" and (k is None or k < 1):
            raise ValueError(f"mode='nearest' needs k of at least 1, not {k}")
        if mode != "nearest" and k is not None:
            raise ValueError(f"k={k} goes with mode='nearest'; mode={mode!r} takes every node of the kind")
        self.mode = mode
        self.k = k

    def _adjacency(self, x: Tensor, y: Tensor | None) -> Tensor:
        assert y is not None
        eye = diagonal(x)
        same = y.unsqueeze(-1) == y.unsqueeze(-2)
        if self.mode == "nearest":
            assert self.k is not None
            similarity = rank_cosine(x)
            own = nearest(similarity.masked_fill(~same | eye, never(similarity)), self.k)
            chosen = own | nearest(similarity.masked_fill(same, never(similarity)), self.k)
        else:
            chosen = same & ~eye if self.mode == "same" else ~same
        return chosen | eye if self.loop else chosen
