"""The control for neighbourhoods: as many neighbours as kNN gives, chosen without looking at where the nodes lie."""

from __future__ import annotations

from torch import Tensor

from gnn_dml.graphs.neighbours import Neighbours
from gnn_dml.graphs.row_hash import hash_rows, mix, shift_right


class Random(Neighbours):
    """Every target hears k other nodes drawn uniformly: the in-degree of `KNN` without its geometry.

    Comparing `KNN` with this graph separates which neighbours are heard from how many are.

    The draw is a pure function of the features: a pair (target, source) scores a hash of the seed and the bits of both
    rows, and a target hears its k highest scores. So features that change, as they do at every training step, give a
    new graph, the same features always give the same graph, and renumbering the nodes renumbers the edges; there is no
    random state to save. Nodes with identical features score alike, and the lower index goes first.

    Args:
        k: How many other nodes each node hears; at least 1.
        seed: Another seed, another graph over the same features; at least 0 and below 2^63.
        loop: Whether a node hears itself too; a self-loop does not count towards k.

    Raises:
        ValueError: If k is below 1 or the seed out of range, or on use if there are not k other nodes.

    >>> import torch
    >>> from gnn_dml.graphs import Random
    >>> x = torch.randn(6, 8)
    >>> Random(2, loop=False).adjacency(x).sum(dim=1).tolist()
    [2, 2, 2, 2, 2, 2]
    >>> torch.equal(Random(2).adjacency(x), Random(2).adjacency(x))
    True
    """

    def __init__(self, k: int, seed: int = 0, *, loop: bool = True) -> None:
        super().__init__(k, loop=loop)
        if not 0 <= seed < 2**63:
            raise ValueError(f"seed must be at least 0 and below 2^63, not {seed}")
        self.seed = seed

    def _scores(self, x: Tensor) -> Tensor:
        keys = hash_rows(x)
        pairs = mix(mix(keys + self.seed).unsqueeze(-1) + keys.unsqueeze(-2))
        return shift_right(pairs, 1)  # never negative, so never the lowest integer
