"""The most similar images of each image, by cosine, exactly.

Products of matrices round differently on every machine, so an order that the rounding could turn is settled in float64
on a grid (`gnn_dml.metrics.ranking.space`): similarities that fall on the same point of it are ties, and ties go to the
lower index. The numbers are those by which `gnn_dml.metrics.retrieval` ranks.

Legend: N images, Q queries, G items, D channels, m neighbours, c candidates.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import pad

from gnn_dml.metrics.ranking.space import Space, full_precision, make_space

SPARE = 10
"""Candidates beyond the m that are wanted, for those too near to the last of them to be told apart in float32."""

ENTRIES = 2**25
"""Similarities held at once."""

EXACT_ENTRIES = 2**22
"""Similarities held at once in float64."""

EXCLUDED = -(2**34)
"""Below every similarity on the grid."""


@torch.no_grad()
def nearest_neighbours(features: Tensor, m: int, *, query: Tensor | None = None, block: int | None = None) -> Tensor:
    """The m most similar other images of each image, nearest first; ties go to the lower index.

    An image is left out of its own neighbours by its index, so duplicates of it stay in.

    Args:
        features: (N, D); they are compared by cosine.
        m: How many; at most `most_neighbours`.
        query: bool (N,), which images are queries: nobody's neighbours. None if every image may be a neighbour.
        block: Images compared with all others at once; None takes as many as fit `ENTRIES`.

    Returns:
        Indices (N, m).

    Example:
        >>> x = torch.tensor([[1.0, 0.0], [0.9, 0.1], [0.0, 1.0], [0.5, 0.6]])
        >>> nearest_neighbours(x, 2).tolist()
        [[1, 3], [0, 3], [3, 1], [2, 1]]
    """
    if query is None:
        return nearest_items(make_space(features, features, "cosine", own=True), m, block=block)
    query = query.to(features.device)
    gallery = (~query).nonzero().squeeze(1)
    found = torch.empty(len(features), m, dtype=torch.long, device=features.device)
    items = features[gallery]
    found[gallery] = gallery[nearest_items(make_space(items, items, "cosine", own=True), m, block=block)]
    found[query] = gallery[nearest_items(make_space(features[query], items, "cosine", own=False), m, block=block)]
    return found


def most_neighbours(images: int, query: Tensor | None) -> int:
    """How many neighbours each of that many images can have at most; `query` as in `nearest_neighbours`."""
    return max(0, (images if query is None else int((~query).sum())) - 1)


@torch.no_grad()
def nearest_items(space: Space, m: int, *, block: int | None = None) -> Tensor:
    """The m items nearest to each query, nearest first; ties go to the lower index.

    Args:
        space: What is compared; with `leave_out` no query is its own neighbour.
        m: At most G, or G - 1 with `leave_out`.
        block: As in `nearest_neighbours`.

    Returns:
        Positions of items (Q, m).
    """
    if m == 0 or not len(space.queries):
        return torch.empty(len(space.queries), m, dtype=torch.long, device=space.queries.device)
    block = block or max(1, ENTRIES // len(space.items))
    with full_precision():
        return torch.cat([_nearest_of_block(space, start, block, m) for start in range(0, len(space.queries), block)])


def _nearest_of_block(space: Space, start: int, block: int, m: int) -> Tensor:
    """The m nearest items (q, m) of the queries from `start` on."""
    products = space.blocks(slice(start, start + block), slice(None))
    queries = torch.arange(start, start + len(products), device=products.device)
    if space.leave_out:
        products[queries - start, queries] = -2.0  # below every cosine
    value, item = products.topk(min(m + SPARE, len(space.items)), dim=1)
    near = value[:, :-1] - value[:, 1:] <= 2 * space.margin
    # Where the last candidate is no certain loser, there may be others as near that are no candidates.
    undecided = value[:, m - 1] - value[:, -1] <= 2 * space.margin
    if value.size(1) == len(space.items):
        undecided = torch.zeros_like(undecided)
    row, column = ((pad(near, (1, 0)) | pad(near, (0, 1))) & ~undecided[:, None]).nonzero(as_tuple=True)
    score = space.on_grid(value.double())
    score[row, column] = space.exact(queries[row], item[row, column])
    found = item.gather(1, rank_key(score, item, len(space.items)).topk(m, dim=1).indices)
    for some in _split(undecided.nonzero().squeeze(1), EXACT_ENTRIES // len(space.items)):
        found[some] = _nearest_exactly(space, queries[some], m)
    return found


def _split(rows: Tensor, size: int) -> list[Tensor]:
    """Rows in parts of a size; no part if there is no row."""
    return list(torch.split(rows, max(1, size))) if len(rows) else []


def _nearest_exactly(space: Space, queries: Tensor, m: int) -> Tensor:
    """The m nearest items (q, m) of some queries, all similarities taken in float64."""
    score = space.rows(queries)
    if space.leave_out:
        score[torch.arange(len(queries), device=queries.device), queries] = EXCLUDED
    items = torch.arange(len(space.items), device=queries.device)
    return rank_key(score, items, len(items)).topk(m, dim=1).indices


def rank_key(score: Tensor, item: Tensor, items: int) -> Tensor:
    """Whole numbers, no two alike in a row, that rise with the score on the grid and among ties with a lower index."""
    return score * items - item
