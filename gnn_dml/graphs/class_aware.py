"""Edges chosen by class: same class only, other classes only, or the nearest of each."""

from __future__ import annotations

from typing import Literal, get_args

import torch
from torch import Tensor

from gnn_dml.graphs.base import Topology, diagonal, nearest, never, rank_cosine
from gnn_dml.graphs.row_hash import hash_rows, mix, shift_right

Mode = Literal["same", "other", "nearest"]

_BITS = 32
"""Of the number that is drawn for each label."""


class ClassAware(Topology):
    """A graph built from the labels of the mini-batch; for training only, since test images have no labels.

    The label leaks into the refined embedding: under `mode="same"` a node's neighbours say which class it is. Judge
    such a run by its backbone embedding, and read its refined training loss with that in mind.

    Args:
        mode: "same": every node hears its own class. "other": every node hears all other classes. "nearest": every node
            hears its k nearest of its own class and its k nearest of the other classes (by cosine similarity; fewer
            where fewer exist).
        k: The number for `mode="nearest"`; not allowed in the other modes.
        hidden: Share of the labels that the graph does not see, 0 to 1, to measure how much leaks. No edge is chosen by
            a hidden label: such a node is heard by nobody whose label is known; under "same" and "other" it hears
            nobody, under "nearest" its 2k nearest of all nodes. Each label is hidden or not by a hash of the node's
            features, as in `Random`: there is no random state, and renumbering the nodes renumbers the edges.
        seed: Another seed hides other labels; at least 0 and below 2^63.
        loop: Whether every node hears itself too, in every mode.

    Raises:
        ValueError: If the mode is unknown, k is missing, below 1, or given to a mode that takes none, or the share or
            the seed is out of range.

    >>> import torch
    >>> from gnn_dml.graphs import ClassAware
    >>> x, y = torch.randn(4, 8), torch.tensor([0, 0, 1, 1])
    >>> ClassAware("same").adjacency(x, y).int().tolist()
    [[1, 1, 0, 0], [1, 1, 0, 0], [0, 0, 1, 1], [0, 0, 1, 1]]
    >>> ClassAware("nearest", k=1, loop=False).adjacency(x, y).sum(dim=1).tolist()  # one of each kind
    [2, 2, 2, 2]
    >>> ClassAware("same", hidden=1.0, loop=False).adjacency(x, y).any().item()
    False
    """

    uses_labels = True

    def __init__(
        self, mode: Mode = "nearest", k: int | None = None, *, hidden: float = 0.0, seed: int = 0, loop: bool = True
    ) -> None:
        super().__init__(loop=loop)
        if mode not in get_args(Mode):
            raise ValueError(f"mode must be one of {', '.join(get_args(Mode))}, not {mode!r}")
        if mode == "nearest" and (k is None or k < 1):
            raise ValueError(f"mode='nearest' needs k of at least 1, not {k}")
        if mode != "nearest" and k is not None:
            raise ValueError(f"k={k} goes with mode='nearest'; mode={mode!r} takes every node of the kind")
        if not 0 <= hidden <= 1:
            raise ValueError(f"hidden must be a share from 0 to 1, not {hidden}")
        if not 0 <= seed < 2**63:
            raise ValueError(f"seed must be at least 0 and below 2^63, not {seed}")
        self.mode = mode
        self.k = k
        self.hidden = hidden
        self.seed = seed

    def _adjacency(self, x: Tensor, y: Tensor | None) -> Tensor:
        assert y is not None
        eye = diagonal(x)
        same = y.unsqueeze(-1) == y.unsqueeze(-2)
        other = ~same
        known = None if self.hidden == 0 else self._known(x)
        if known is not None:
            pairs = known.unsqueeze(-1) & known.unsqueeze(-2)
            same, other = same & pairs, other & pairs
        if self.mode == "nearest":
            assert self.k is not None
            similarity = rank_cosine(x)
            own = nearest(similarity.masked_fill(~same | eye, never(similarity)), self.k)
            chosen = own | nearest(similarity.masked_fill(~other, never(similarity)), self.k)
            if known is not None:
                unlabelled = nearest(similarity.masked_fill(eye, never(similarity)), 2 * self.k)
                chosen = torch.where(known.unsqueeze(-1), chosen, unlabelled)
        else:
            chosen = same & ~eye if self.mode == "same" else other
        return chosen | eye if self.loop else chosen

    def _known(self, x: Tensor) -> Tensor:
        """Which labels are seen: boolean (..., N)."""
        drawn = shift_right(mix(hash_rows(x) + self.seed), 64 - _BITS)
        known: Tensor = drawn >= round(self.hidden * 2**_BITS)
        return known
