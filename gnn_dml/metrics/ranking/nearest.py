"""The most similar images of each image, by cosine, exactly.

Products of matrices round differently on every machine, so where the rounding could turn an order the pairs themselves
are compared (`gnn_dml.metrics.ranking.exact`). Ties go to the lower index. The numbers are those by which
`gnn_dml.metrics.retrieval` ranks.

Legend: N images, Q queries, G items, D channels, m neighbours, c candidates.
"""

from __future__ import annotations

import threading

import torch
from torch import Tensor

from gnn_dml.metrics.ranking.near_ties import exclude, settle, split_between
from gnn_dml.metrics.ranking.space import Space, full_precision, make_space
from gnn_dml.metrics.ranking.threads import side_by_side

SPARE = 10
"""Candidates beyond the m that are wanted, for those too near to the last of them to be told apart in float32."""

ENTRIES = 2**23
"""Similarities held at once by each thread."""

EXACT_ENTRIES = 2**22
"""Similarities held at once in float64."""

GROUP = 2**6
"""Items in a group of which the largest similarity is looked at first."""


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
    block = min(block or max(1, ENTRIES // len(space.items)), len(space.queries))
    # Written in place: small results that stay between large ones that go would keep their memory from the next.
    found = torch.empty(len(space.queries), m, dtype=torch.long, device=space.queries.device)
    own = threading.local()

    def search(start: int) -> None:
        if not hasattr(own, "memory"):
            own.memory = space.queries.new_empty(block * len(space.items))
        found[start : start + block] = _nearest_of_block(space, start, block, m, own.memory)

    with full_precision():
        side_by_side(search, range(0, len(space.queries), block), found.device)
    return found


def _nearest_of_block(space: Space, start: int, block: int, m: int, memory: Tensor) -> Tensor:
    """The m nearest items (q, m) of the queries from `start` on; `memory` is written over with their scores."""
    scores = space.scores(slice(start, start + block), slice(None), memory)
    queries = torch.arange(start, start + len(scores), device=scores.device)
    exclude(scores, None if space.excluded is None else space.excluded[queries])
    wanted = min(m + SPARE, len(space.items))
    value, item = _largest(scores, wanted)
    margin = space.margin[queries]
    # Where the last candidate is no certain loser, there may be others as near that are no candidates.
    unsure = (value[:, m - 1] - value[:, -1] <= 2 * margin) & (wanted < len(space.items))
    unsure |= space.far_query[queries] | space.far_item[item[:, :m]].any(dim=1)
    certain = split_between(value.double(), margin[:, None], stable=False)
    certain |= unsure[:, None]
    found = settle(space, queries, item, certain)[:, :m]
    for some in _split(unsure.nonzero().squeeze(1), EXACT_ENTRIES // len(space.items)):
        found[some] = _nearest_exactly(space, queries[some], m)
    return found


def _largest(scores: Tensor, count: int) -> tuple[Tensor, Tensor]:
    """The largest scores of each row (q, G) in falling order, and where they are: (q, count).

    They lie in the groups with the largest maxima, which are as many.
    """
    groups = scores.size(1) // GROUP
    if groups <= 2 * count:
        return scores.topk(count, dim=1)
    whole = scores[:, : groups * GROUP].reshape(len(scores), groups, GROUP)
    best = whole.amax(dim=2).topk(count, dim=1, sorted=False).indices
    inside = whole.gather(1, best[:, :, None].expand(-1, -1, GROUP)).flatten(1)
    item = (best[:, :, None] * GROUP + torch.arange(GROUP, device=best.device)).flatten(1)
    rest = torch.arange(groups * GROUP, scores.size(1), device=best.device).expand(len(scores), -1)
    inside, item = torch.cat([inside, scores[:, groups * GROUP :]], dim=1), torch.cat([item, rest], dim=1)
    value, place = inside.topk(count, dim=1)
    return value, item.gather(1, place)


def _split(rows: Tensor, size: int) -> list[Tensor]:
    """Rows in parts of a size; no part if there is no row."""
    return list(torch.split(rows, max(1, size))) if len(rows) else []


def _nearest_exactly(space: Space, queries: Tensor, m: int) -> Tensor:
    """The m nearest items (q, m) of some queries, by all similarities in float64."""
    score, error = space.rows(queries)
    exclude(score, None if space.excluded is None else space.excluded[queries])
    score, item = score.sort(dim=1, descending=True, stable=True)
    certain = split_between(score, error.gather(1, item), stable=True)
    # Runs that begin behind the m-th place do not matter.
    certain[:, m:] |= certain[:, m - 1 : m] | (certain[:, m - 1 :].cummax(dim=1).values[:, :-1])
    return settle(space, queries, item, certain)[:, :m]


def order_by_score(score: Tensor, item: Tensor, count: int) -> Tensor:
    """The items (q, w) with the largest scores (q, w), largest first, (q, count); among ties those that stand first."""
    return item.gather(1, score.sort(dim=1, descending=True, stable=True).indices[:, :count])
