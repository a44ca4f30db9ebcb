"""From the negatives before each positive to the metrics of a query.

Legend: Q queries, R positives of a query, P positives.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from gnn_dml.metrics.measures import Measure
from gnn_dml.metrics.ranking.negative_counts import NegativeCounts
from gnn_dml.metrics.ranking.reaching import sort_numbers


def query_scores(
    counts: NegativeCounts, relevant: Tensor, ks: Sequence[int], more: Sequence[Measure] = ()
) -> dict[str, Tensor]:
    """The metrics of each query, float64 (Q,).

    The m-th positive of a query, nearest first, has the rank m + (negatives before it).

    Args:
        counts: For the nearest positive of every query with R > 0, and for each that is among its R nearest items, or
            as far down as `more` looks.
        relevant: R of every query (Q,).
        ks: The K of Recall@K.
        more: Other metrics.
    """
    # By query, and inside a query nearest first.
    key = sort_numbers((counts.query << 32) + counts.before)
    query, before = key >> 32, key & 0xFFFFFFFF
    found = query.bincount(minlength=len(relevant))
    order = torch.arange(1, len(query) + 1, device=query.device) - (found.cumsum(0) - found)[query]
    rank = order + before
    nearest = torch.full_like(relevant, torch.iinfo(torch.int64).max)
    nearest = nearest.scatter_reduce(0, query, rank, "amin")
    within = (rank <= relevant[query]).double()
    zeros = torch.zeros(len(relevant), dtype=torch.float64, device=query.device)
    r = relevant.clamp(min=1)
    out = {f"recall@{k}": (nearest <= k).double() for k in ks}
    out["map@r"] = zeros.index_add(0, query, within * order / rank) / r
    out["r_precision"] = zeros.index_add(0, query, within) / r
    for one in more:
        if one.kind == "mrr":
            out[one.name] = torch.where(relevant > 0, 1 / nearest.double(), 0.0)
            continue
        first = torch.ones_like(within) if one.k is None else (rank <= one.k).double()
        hits = zeros.index_add(0, query, first)
        possible = relevant if one.k is None else relevant.clamp(max=one.k)
        asked = torch.full_like(relevant, one.k or 1)
        over = {"possible": possible, "asked": asked, "found": hits, "relevant": relevant}[one.over]
        total = hits if one.kind == "precision" else zeros.index_add(0, query, first * order / rank)
        out[one.name] = total / over.clamp(min=1)
    return out
