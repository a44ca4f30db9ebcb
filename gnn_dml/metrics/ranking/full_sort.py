"""Ranks by sorting all scores of a query: for so many positives that nothing is saved by looking at a part."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn.functional import pad

from gnn_dml.metrics.ranking.near_ties import exclude, settle, split_between
from gnn_dml.metrics.ranking.negative_counts import NegativeCounts
from gnn_dml.metrics.ranking.positives import Classes
from gnn_dml.metrics.ranking.space import Space

ENTRIES = 2**22
"""Scores sorted at once, for a few rows at least."""

ROWS = 2**5
"""Rows at least: the items are converted to float64 for each piece anew."""


def count_by_sorting(
    space: Space, classes: Classes, queries: Tensor, on_block: Callable[[int], object]
) -> NegativeCounts:
    """Count the negatives before each positive of some queries, by sorting their scores with all items.

    Args:
        space: What is compared.
        classes: Of its queries and items.
        queries: Positions, in rising order.
        on_block: Called after each block of queries with how many it had.

    Returns:
        A number for every positive of these queries.
    """
    parts = [NegativeCounts(queries[:0], queries[:0])]
    for some in torch.split(queries, max(ROWS, ENTRIES // max(1, len(space.items)))):
        if not len(some):
            continue
        scores, error = space.rows(some)
        excluded = None if space.excluded is None else space.excluded[some]
        exclude(scores, excluded)
        scores, order = scores.sort(dim=1, descending=True, stable=True)
        hits = classes.of_item[order] == classes.of_query[some, None]
        certain = split_between(scores, error.gather(1, order), stable=True)
        if not bool(certain.all()):
            order = settle(space, some, order, certain, _mixed(hits, certain))
            hits = classes.of_item[order] == classes.of_query[some, None]
        if excluded is not None:
            hits[excluded >= 0, -1] = False  # the last of all, and behind all positives
        row, rank = hits.nonzero(as_tuple=True)
        before = (~hits).cumsum(dim=1)
        parts.append(NegativeCounts(some[row], before[row, rank]))
        on_block(len(some))
    return NegativeCounts(*(torch.cat(columns) for columns in zip(*parts, strict=True)))


def _mixed(hits: Tensor, certain: Tensor) -> Tensor:
    """The places in runs of uncertain places that hold positives and others, bool (q, G)."""
    run = pad(certain, (1, 0)).cumsum(dim=1)
    inside = torch.zeros_like(run).scatter_add_(1, run, hits.long()).gather(1, run)
    length = torch.zeros_like(run).scatter_add_(1, run, torch.ones_like(run)).gather(1, run)
    return (inside > 0) & (inside < length)
