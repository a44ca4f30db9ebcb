"""Ranks by sorting all scores of a query: for so many positives that nothing is saved by looking at a part."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

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
        scores = space.rows(some)
        if space.leave_out:
            scores[torch.arange(len(some), device=some.device), some] = torch.iinfo(torch.int64).min  # the last of all
        order = scores.argsort(dim=1, descending=True, stable=True)
        hits = classes.of_item[order] == classes.of_query[some, None]
        if space.leave_out:
            hits = hits[:, :-1]
        row, rank = hits.nonzero(as_tuple=True)
        before = (~hits).cumsum(dim=1)
        parts.append(NegativeCounts(some[row], before[row, rank]))
        on_block(len(some))
    return NegativeCounts(*(torch.cat(columns) for columns in zip(*parts, strict=True)))
