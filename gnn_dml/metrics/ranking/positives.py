"""Who belongs to whom: for every query the items of its class, and their scores.

Legend: Q queries, G items, C classes, P pairs of a query and an item of its class.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from gnn_dml.metrics.ranking.space import Space
from gnn_dml.metrics.ranking.threads import side_by_side

ENTRIES = 2**20
"""Numbers held by each thread while pairs are scored, beside the pairs themselves."""


class Classes(NamedTuple):
    """Queries and items by class.

    Attributes:
        queries: Positions of all queries, class by class.
        items: Positions of all items, class by class.
        query_counts: Queries of each class (C,).
        item_counts: Items of each class (C,).
        of_query: The class of every query (Q,).
        of_item: The class of every item (G,).
    """

    queries: Tensor
    items: Tensor
    query_counts: Tensor
    item_counts: Tensor
    of_query: Tensor
    of_item: Tensor


class Pairs(NamedTuple):
    """Queries with items of their class.

    Attributes:
        query: Positions (P,).
        item: Positions (P,).
        score: float64 (P,); -inf for a query and itself.
    """

    query: Tensor
    item: Tensor
    score: Tensor


def group_by_class(query_labels: Tensor, item_labels: Tensor | None) -> Classes:
    """Number the classes and sort by them; `item_labels` is None where the items are the queries."""
    labels = query_labels if item_labels is None else torch.cat([query_labels, item_labels])
    numbers = torch.unique(labels, return_inverse=True)[1]
    of_query = numbers[: len(query_labels)]
    of_item = of_query if item_labels is None else numbers[len(query_labels) :]
    count = int(numbers.max()) + 1 if len(numbers) else 0
    return Classes(
        queries=of_query.argsort(stable=True),
        items=of_item.argsort(stable=True),
        query_counts=of_query.bincount(minlength=count),
        item_counts=of_item.bincount(minlength=count),
        of_query=of_query,
        of_item=of_item,
    )


def score_pairs(space: Space, classes: Classes, chosen: Tensor) -> Pairs:
    """All pairs of the chosen classes.

    Args:
        space: What is compared.
        classes: Of its queries and items.
        chosen: bool (C,); at least one class that has queries and items.
    """
    starts_q = classes.query_counts.cumsum(0) - classes.query_counts
    starts_g = classes.item_counts.cumsum(0) - classes.item_counts
    shapes = torch.stack([classes.query_counts, classes.item_counts], dim=1)
    chosen = chosen & (shapes > 0).all(dim=1)
    pieces: list[tuple[Tensor, Tensor, slice]] = []
    count = 0
    for q, g in torch.unique(shapes[chosen], dim=0).tolist():
        alike = (chosen & (classes.query_counts == q) & (classes.item_counts == g)).nonzero().squeeze(1)
        for some in torch.split(alike, max(1, ENTRIES // (q * g + (q + g) * space.items.size(1)))):
            query = classes.queries[starts_q[some, None] + torch.arange(q, device=some.device)]
            item = classes.items[starts_g[some, None] + torch.arange(g, device=some.device)]
            pieces.append((query, item, slice(count, count + len(some) * q * g)))
            count += len(some) * q * g
    # Columns for all: small results between large ones that come and go would scatter over the memory.
    query, item = (torch.empty(count, dtype=torch.int64, device=chosen.device) for _ in range(2))
    pairs = Pairs(query, item, torch.empty(count, dtype=torch.float64, device=chosen.device))
    side_by_side(lambda piece: _score_classes(space, pairs, *piece), pieces, space.queries.device)
    return pairs


def _score_classes(space: Space, pairs: Pairs, query: Tensor, item: Tensor, place: slice) -> None:
    """All pairs inside classes of one size, positions (n, q) and (n, g), into their place among `pairs`."""
    queries = space.queries[query].double()
    score = queries @ (queries if space.own else space.items[item].double()).mT
    if space.half is not None:
        score -= space.half[item][:, None]
    if space.excluded is not None:
        score.masked_fill_(space.excluded[query][:, :, None] == item[:, None], -torch.inf)
    for column, found in zip(pairs, (query[:, :, None], item[:, None], score), strict=True):
        column[place].view(score.shape).copy_(found)
