"""Who belongs to whom: for every query the items of its class that count, and their scores.

Legend: Q queries, G items, C classes, P pairs of a query and an item of its class.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import torch
from torch import Tensor

from gnn_dml.metrics.ranking.reaching import order_numbers
from gnn_dml.metrics.ranking.space import Space
from gnn_dml.metrics.ranking.threads import side_by_side

ENTRIES = 2**17
"""Numbers held by each thread while pairs are scored, beside the pairs themselves: 1 MiB, about what a cache holds."""


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
        score: float64 (P,).
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


def select_pairs(space: Space, classes: Classes, answered: Tensor, bound: Tensor) -> tuple[Pairs, Tensor]:
    """The pairs that count, with their queries in rising order; and the queries (Q,) of which only the nearest does.

    A positive counts if it may reach the bound of its query, and the nearest does.

    Args:
        space: What is compared.
        classes: Of its queries and items.
        answered: Queries to be answered, each with something to find, bool (Q,).
        bound: Lower bounds on the score of the R-th nearest item of each query, as the products have it, float64 (Q,).
    """
    bound = bound - 2 * space.margin
    deep = torch.zeros_like(answered)
    pieces = list(_classes_alike(space, classes, answered))
    parts = side_by_side(
        lambda piece: _select_in_classes(space, answered, bound, deep, *piece), pieces, space.queries.device
    )
    columns = [torch.cat(column) for column in zip(*parts, strict=True)]
    order = _by_query_and_score(columns[0], columns[2])
    return Pairs(*(column[order] for column in columns)), deep


def _by_query_and_score(query: Tensor, score: Tensor) -> Tensor:
    """An order (P,) by query, and then roughly by rising score, so that what is looked up one after another is near."""
    bits = score.float().view(torch.int32)
    return order_numbers((query << 32) + (bits ^ ((bits >> 31) & 0x7FFFFFFF)))


def _classes_alike(space: Space, classes: Classes, answered: Tensor) -> Iterator[tuple[Tensor, Tensor]]:
    """Classes of as many queries and as many items, a few at a time: positions of these (n, q) and of those (n, g)."""
    starts_q = classes.query_counts.cumsum(0) - classes.query_counts
    starts_g = classes.item_counts.cumsum(0) - classes.item_counts
    shapes = torch.stack([classes.query_counts, classes.item_counts], dim=1)
    chosen = torch.zeros(len(shapes), dtype=torch.bool, device=answered.device)
    chosen[classes.of_query[answered]] = True
    for q, g in torch.unique(shapes[chosen], dim=0).tolist():
        alike = (chosen & (classes.query_counts == q) & (classes.item_counts == g)).nonzero().squeeze(1)
        for some in torch.split(alike, max(1, ENTRIES // (q * g + (q + g) * space.items.size(1)))):
            query = classes.queries[starts_q[some, None] + torch.arange(q, device=some.device)]
            item = classes.items[starts_g[some, None] + torch.arange(g, device=some.device)]
            yield query, item


def _select_in_classes(
    space: Space, answered: Tensor, bound: Tensor, deep: Tensor, query: Tensor, item: Tensor
) -> Pairs:
    """Pairs that count inside classes of one size, (n, q) and (n, g); `deep` is marked in place."""
    queries = space.queries[query].double()
    score = queries @ (queries if space.own else space.items[item].double()).mT
    if space.half is not None:
        score -= space.half[item][:, None]
    if space.excluded is not None:
        score.masked_fill_(space.excluded[query][:, :, None] == item[:, None], -torch.inf)
    nearest, bound = score.amax(dim=2), bound[query]
    deep[query] = (nearest < bound) & answered[query]
    # A query and itself, which have the score -inf, are left out where nothing is known either.
    lower = torch.minimum(bound, nearest).clamp(min=torch.finfo(torch.float64).min)
    lower.masked_fill_(~answered[query], torch.inf)
    group, row, column = (score >= lower[:, :, None]).nonzero(as_tuple=True)
    return Pairs(query[group, row], item[group, column], score[group, row, column])
