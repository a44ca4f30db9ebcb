"""The metrics of retrieval of any scores, given a few queries at a time.

`gnn_dml.metrics.retrieval` ranks by embeddings. What ranks by something else (re-ranking, diffusion) gives a score for
every pair of a query and an item, and all of them at once may not fit in memory: here they come in chunks of queries.

Legend: Q queries, q of them in a chunk, G items of the gallery, R items of a query's class, P positives.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import torch
from torch import Tensor

from gnn_dml.metrics.measures import deepest_rank, parse_measures
from gnn_dml.metrics.ranking.masks import empty_mask, where_true
from gnn_dml.metrics.ranking.negative_counts import NegativeCounts
from gnn_dml.metrics.ranking.positives import Classes, group_by_class
from gnn_dml.metrics.ranking.scores import query_scores

ENTRIES = 2**23
"""Scores looked at at once."""

GROUP = 2**6
"""Items whose largest score stands for them where the R-th best is bounded."""


@torch.no_grad()
def retrieval_by_scores(
    chunks: Iterable[Tensor],
    labels: Tensor,
    *,
    gallery_labels: Tensor | None = None,
    ks: Sequence[int] = (1, 2, 4, 8),
    more: Sequence[str] = (),
) -> dict[str, float]:
    """Rank the gallery for every query by given scores and score the ranking.

    The metrics are those of `gnn_dml.metrics.retrieval`, with its definitions: without a gallery apart each query is
    left out of its own ranking by position, ties go to the lower index, and queries that cannot be answered are counted
    in `unmatched` and left out of the means.

    Args:
        chunks: Scores (q, G), the larger the nearer, of the queries in their order; any number of queries in each. They
            are compared as float32.
        labels: Of the queries, long (Q,).
        gallery_labels: Of the items, long (G,); None where the items are the queries.
        ks: The K of recall@K, each at least 1.
        more: Other metrics, as `gnn_dml.metrics.retrieval` names them.

    Returns:
        As `gnn_dml.metrics.retrieval` does.

    Raises:
        ValueError: If the chunks do not have Q rows of G scores, a score is not finite, a k is below 1, or a name
            is unknown.

    Example:
        >>> scores = torch.tensor([[9.0, 0.5, 0.2], [0.5, 9.0, 0.1], [0.2, 0.1, 9.0]])
        >>> found = retrieval_by_scores([scores[:2], scores[2:]], torch.tensor([0, 0, 1]), ks=(1,))
        >>> found["recall@1"], found["unmatched"]
        (1.0, 1.0)
    """
    for k in ks:
        if k < 1:
            raise ValueError(f"every k of recall@k must be at least 1, and {k} is not")
    own = gallery_labels is None
    classes = group_by_class(labels, gallery_labels)
    relevant = classes.item_counts[classes.of_query] - int(own)
    measures = parse_measures(more)
    depth = relevant.clamp(min=deepest_rank(measures, len(classes.of_item)))
    names = [*(f"recall@{k}" for k in ks), "map@r", "r_precision", *(one.name for one in measures)]
    # Written in place: small results that stay between large chunks that go would keep their memory from the next.
    found = {name: torch.empty(len(labels), dtype=torch.float64, device=labels.device) for name in names}
    done = 0
    for chunk in chunks:
        if chunk.dim() != 2 or chunk.size(1) != len(classes.of_item) or done + len(chunk) > len(labels):
            raise ValueError(
                f"scores must come as {len(labels)} rows of {len(classes.of_item)} in all, and after {done} rows came "
                f"the shape {tuple(chunk.shape)}"
            )
        for scores in torch.split(chunk, max(1, ENTRIES // max(1, chunk.size(1)))):
            rows = torch.arange(done, done + len(scores), device=labels.device)
            counts = _count(_checked(scores, done).to(labels.device), classes, rows, depth[rows], own=own)
            for name, values in query_scores(counts, relevant[rows], ks, measures).items():
                found[name][done : done + len(scores)] = values
            done += len(scores)
    if done < len(labels):
        raise ValueError(f"scores must come as {len(labels)} rows in all, and only {done} came")
    answered = relevant > 0
    means = {name: float(values[answered].mean()) for name, values in found.items()}
    return {**means, "unmatched": float((~answered).sum())}


def _checked(scores: Tensor, first: int) -> Tensor:
    """The scores in float32, all finite."""
    scores = scores.float()
    if scores.numel():
        finite = torch.isfinite(scores.amax(dim=1)) & torch.isfinite(scores.amin(dim=1))
        if not bool(finite.all()):
            row = first + int((~finite).nonzero()[0])
            raise ValueError(f"the scores of a query hold NaN or infinity; the first is query {row}")
    return scores


def _count(scores: Tensor, classes: Classes, rows: Tensor, depth: Tensor, *, own: bool) -> NegativeCounts:
    """The negatives before the positives that matter, of some queries (q, G); queries are counted from 0 here.

    Args:
        scores: (q, G).
        classes: Of all queries and items.
        rows: The queries (q,).
        depth: How many of the nearest items of each matter (q,).
        own: Whether the items are the queries.
    """
    row, item = _positives(classes, rows)
    negative = empty_mask(scores.size(0), scores.size(1), scores.device)
    score = scores[row, item]
    counted = ~(rows[row] == item) if own else torch.ones_like(row, dtype=torch.bool)
    lowest = _lowest(scores, row[counted], score[counted], depth + int(own))
    # All that may be before a positive that matters, itself no positive.
    torch.ge(scores, lowest[:, None], out=negative)
    negative[row, item] = False
    asking, other = where_true(negative)
    counted &= score >= lowest[row]
    row, item, score = row[counted], item[counted], score[counted]
    # One sorted list for all queries; no two keys are alike.
    thresholds = _keys(row, score, item, scores.size(1)).sort()
    row = row[thresholds.indices]
    keys = _keys(asking, scores[asking, other], other, scores.size(1))
    inside = torch.searchsorted(thresholds.values, keys)
    # Ties with the farthest positive that come after it stand below the whole list of their query.
    starts = torch.searchsorted(row, torch.arange(len(scores) + 1, device=row.device))
    inside = inside[inside > starts[asking]]
    upto = inside.bincount(minlength=len(row) + 1).cumsum(0)
    return NegativeCounts(row, upto[starts[row + 1]] - upto[: len(row)])


def _lowest(scores: Tensor, row: Tensor, score: Tensor, most: Tensor) -> Tensor:
    """The score from which on a positive of each query matters (q,); infinite where there is none.

    The nearest one matters, and those among the nearest items, as many as `most`, one of which may be the query itself.
    The (most + 1)-th largest maximum of groups of items is at most the (most + 1)-th largest score.
    """
    infinite = scores.new_full((len(scores),), torch.inf)
    nearest = (-infinite).scatter_reduce(0, row, score, "amax")
    farthest = infinite.scatter_reduce(0, row, score, "amin")
    maxima = scores.unfold(1, GROUP, GROUP).amax(dim=2) if scores.size(1) >= GROUP else scores
    longest = min(int(most.max()) + 1 if len(most) else 1, maxima.size(1))
    ranked = maxima.topk(longest, dim=1).values
    bound = torch.where(most < longest, ranked.gather(1, most.clamp(max=longest - 1)[:, None])[:, 0], -torch.inf)
    return torch.where(torch.isinf(nearest), torch.inf, torch.maximum(farthest, torch.minimum(bound, nearest)))


def _positives(classes: Classes, rows: Tensor) -> tuple[Tensor, Tensor]:
    """Every item of the class of each query, itself too: the query's place among `rows` (P,), the item (P,)."""
    of_row = classes.of_query[rows]
    counts = classes.item_counts[of_row]
    row = torch.arange(len(rows), device=rows.device).repeat_interleave(counts)
    inside = torch.arange(len(row), device=rows.device) - (counts.cumsum(0) - counts)[row]
    starts = classes.item_counts.cumsum(0) - classes.item_counts
    return row, classes.items[starts[of_row[row]] + inside]


def _keys(row: Tensor, score: Tensor, item: Tensor, items: int) -> Tensor:
    """Whole numbers that order by row first, by float32 score then, and among ties rise with a lower index."""
    bits = (score + 0.0).view(torch.int32)  # adding zero turns -0 into 0
    # The bits of negative numbers order the wrong way round.
    ordered = (bits ^ ((bits >> 31) & 0x7FFFFFFF)).long() + 2**31
    return ((row << 32) + ordered) * items - item
