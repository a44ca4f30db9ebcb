"""What is known of a pair before anything is learned: how similar it is, at which rank, and whether both agree.

Legend: N nodes, D channels, F features, `...` any leading batch dimensions.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from gnn_dml.graphs.base import cosine_similarity, diagonal, never, rank_cosine


def _similarity(x: Tensor, rank: Tensor, k: int) -> Tensor:
    return cosine_similarity(x)


def _reciprocal_rank(x: Tensor, rank: Tensor, k: int) -> Tensor:
    return 1 / (1 + rank).to(x.dtype)


def _mutual(x: Tensor, rank: Tensor, k: int) -> Tensor:
    near = rank < k
    return (near & near.mT).to(x.dtype)


_FEATURES: dict[str, Callable[[Tensor, Tensor, int], Tensor]] = {
    "similarity": _similarity,
    "rank": _reciprocal_rank,
    "mutual": _mutual,
}
EDGE_FEATURES = tuple(_FEATURES)
"""The features that there are."""


def check_edge_features(names: Sequence[str], k: int) -> tuple[str, ...]:
    """The names as a tuple.

    Raises:
        ValueError: If they are no list, one is unknown or named twice, or k is no whole number of at least 1.
    """
    if isinstance(names, str):
        raise ValueError(f"edge_features must be a list, as in [{names}], not {names!r}")
    found = tuple(names)
    for name in found:
        if name not in _FEATURES:
            raise ValueError(f"edge_features can hold {', '.join(EDGE_FEATURES)}, and it holds {name!r}")
        if found.count(name) > 1:
            raise ValueError(f"edge_features holds {name} {found.count(name)} times; once is enough")
    if isinstance(k, bool) or not isinstance(k, int) or k < 1:
        raise ValueError(f"mutual_k must be a whole number of at least 1, not {k!r}")
    return found


@torch.no_grad()
def edge_features(x: Tensor, names: Sequence[str], *, mutual_k: int = 3) -> Tensor:
    """Features of every pair, each graph by itself; no gradient flows through them.

    "similarity" is the cosine. "rank" is 1 / (1 + r), r others being nearer to the target than the source: 1 for the
    nearest, 1/2 for the next, whatever the size of the graph. "mutual" is 1 where target and source are among each
    other's `mutual_k` nearest others, else 0. A node and itself have 1 in all three. Ranks compare cosines exactly, and
    ties go to the lower index (`gnn_dml.graphs.base.rank_cosine`).

    Args:
        x: Node features (..., N, D).
        names: F of `EDGE_FEATURES`.
        mutual_k: How many others are near to a node; all of them where there are not as many.

    Returns:
        (..., N, N, F), entry [target, source], in the type of `x`.

    Raises:
        ValueError: If a name or number is out of range.

    >>> import torch
    >>> from gnn_dml.graphs import edge_features
    >>> x = torch.tensor([[1.0, 0.0], [0.8, 0.6], [0.0, 1.0]])
    >>> edge_features(x, ["rank"])[..., 0].tolist()  # [target, source]
    [[1.0, 1.0, 0.5], [1.0, 1.0, 0.5], [0.5, 1.0, 1.0]]
    >>> edge_features(x, ["mutual"], mutual_k=1)[..., 0].tolist()
    [[1.0, 1.0, 0.0], [1.0, 1.0, 0.0], [0.0, 0.0, 1.0]]
    """
    names = check_edge_features(names, mutual_k)
    own = diagonal(x)
    rank = _ranks(x) if {"rank", "mutual"} & set(names) else own
    found = [_FEATURES[name](x, rank, mutual_k).to(x.dtype).masked_fill(own, 1.0) for name in names]
    return torch.stack(found, dim=-1) if found else x.new_zeros(*x.shape[:-1], x.size(-2), 0)


def _ranks(x: Tensor) -> Tensor:
    """How many others are nearer to the target than the source, (..., N, N); the node itself comes last."""
    cosine = rank_cosine(x)
    order = cosine.masked_fill(diagonal(x), never(cosine)).argsort(dim=-1, descending=True, stable=True)
    place = torch.arange(x.size(-2), device=x.device).expand_as(order)
    return torch.empty_like(order).scatter(-1, order, place)
