"""Exact retrieval metrics: Recall@K, MAP@R and R-precision.

Legend: Q queries, G gallery items, D channels, R items of the query's class in the gallery.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import get_args

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from tqdm import tqdm

from gnn_dml.metrics.labels import check_labels
from gnn_dml.metrics.ranking.full_sort import count_by_sorting
from gnn_dml.metrics.ranking.negative_counts import NegativeCounts, count_negatives
from gnn_dml.metrics.ranking.positives import Classes, group_by_class, score_pairs
from gnn_dml.metrics.ranking.scores import query_scores
from gnn_dml.metrics.ranking.space import Metric, Space, full_precision, make_space
from gnn_dml.metrics.scale import scale_far_rows

Array = Tensor | npt.NDArray[np.generic]

MOST_POSITIVES = 2**8
"""A query with more positives is answered by sorting all its scores."""

MOST_PAIRS = 2**25
"""So are the largest classes, as long as there are more pairs than this inside all others."""

SLOW = 2.0**42
"""Multiplications from which on there is a progress bar."""


@torch.no_grad()
def retrieval(
    embeddings: Array,
    labels: Array,
    *,
    gallery: Array | None = None,
    gallery_labels: Array | None = None,
    leave_out: bool = False,
    ks: Sequence[int] = (1, 2, 4, 8),
    metric: Metric = "cosine",
) -> dict[str, float]:
    """Rank the gallery for every query and score the ranking.

    Without a gallery every item is ranked against all others; the item itself is left out by index. A query whose class
    has no other item in the gallery cannot be answered: it is left out of every mean and counted in `unmatched`.

    * recall@k: the share of queries with an item of their class among the first k.
    * r_precision: the share of such items among the first R.
    * map@r: mean over the first R ranks of precision at a rank where it holds such an item, else 0 ("A Metric Learning
      Reality Check", ECCV 2020, section 2.2).

    The ranking is exact: that of the float32 embeddings (for cosine divided by their length in float64, then rounded),
    as if compared in float64. Scores that agree to 2^-32 of the largest possible one are ties, which go to the lower
    gallery index. The numbers are the same on every device and machine. Memory grows with Q + G, not with Q x G; see
    `gnn_dml.metrics.ranking.negative_counts`.

    Args:
        embeddings: Queries (Q, D), need not be normalised. An all-zero row has the cosine 0 with everything.
        labels: (Q,), whole numbers.
        gallery: (G, D), or None for all against all.
        gallery_labels: (G,), given with and only with `gallery`.
        leave_out: The gallery holds the same images in the same order, embedded otherwise (queries that were expanded,
            say), and each is left out of its own ranking. Without a gallery that is always so.
        ks: The K of recall@K, each at least 1.
        metric: "cosine" similarity or "euclidean" distance.

    Returns:
        `recall@k` for each k, `map@r`, `r_precision`: fractions in [0, 1], NaN if no query can be answered; and
        `unmatched`, a number of queries.

    Raises:
        ValueError: If shapes do not fit, a k is below 1, the metric is unknown, an embedding has a value that is not
            finite (the message counts the rows and names the first), or with `leave_out` the gallery's labels are not
            those of the queries.

    Example:
        >>> x = torch.tensor([[1.0, 0.0], [0.9, 0.1], [0.0, 1.0], [0.5, 0.6]])
        >>> found = retrieval(x, torch.tensor([0, 0, 1, 0]), ks=(1, 2))
        >>> {name: round(value, 3) for name, value in found.items()}
        {'recall@1': 0.667, 'recall@2': 1.0, 'map@r': 0.75, 'r_precision': 0.833, 'unmatched': 1.0}
    """
    queries, query_labels = check_arrays("embeddings", embeddings, labels)
    own = gallery is None
    if own != (gallery_labels is None):
        raise ValueError("gallery and gallery_labels go together: one was given and the other not")
    items, item_labels = queries, query_labels
    if gallery is not None and gallery_labels is not None:
        items, item_labels = check_arrays("gallery", gallery, gallery_labels)
        items, item_labels = items.to(queries.device), item_labels.to(queries.device)
    if items.size(1) != queries.size(1):
        raise ValueError(f"embeddings have {queries.size(1)} channels and the gallery has {items.size(1)}")
    if metric not in get_args(Metric):
        raise ValueError(f"metric must be one of {', '.join(get_args(Metric))}, not {metric!r}")
    for k in ks:
        if k < 1:
            raise ValueError(f"every k of recall@k must be at least 1, and {k} is not")
    if leave_out and not torch.equal(query_labels, item_labels):
        raise ValueError("with leave_out the gallery holds the images of the queries, and the labels are not the same")
    classes = group_by_class(query_labels, None if own else item_labels)
    if metric == "cosine":
        queries, items = scale_far_rows(queries), scale_far_rows(items)
    space = make_space(queries, items, metric, own=own, leave_out=leave_out)
    relevant = classes.item_counts[classes.of_query] - int(space.leave_out)
    counts = _count(space, classes, relevant, ks)
    answered = relevant > 0
    scores = query_scores(counts, relevant, ks)
    means = {name: float(values[answered].mean()) for name, values in scores.items()}
    return {**means, "unmatched": float((~answered).sum())}


def check_arrays(name: str, embeddings: Array, labels: Array) -> tuple[Tensor, Tensor]:
    """Embeddings (N, D) and labels (N,) as tensors on one device that knows float64.

    Raises:
        ValueError: If the shapes do not fit, a value is not finite or a label no whole number; `name` stands in the
            message.
    """
    x, y = _as_numbers(name, embeddings), check_labels(name, labels)
    if x.dim() != 2 or y.shape != x.shape[:1]:
        raise ValueError(
            f"{name} must have the shape (n, d) and their labels (n,), not {tuple(x.shape)} and {tuple(y.shape)}"
        )
    # The largest and the smallest entry of a row are finite if and only if all are; no copy is made.
    finite = torch.isfinite(x.amax(dim=1)) & torch.isfinite(x.amin(dim=1)) if x.numel() else y == y
    if not bool(finite.all()):
        bad = (~finite).nonzero().squeeze(1)
        raise ValueError(f"{len(bad)} of {len(x)} {name} hold NaN or infinity; the first is row {int(bad[0])}")
    if x.device.type == "mps":
        x = x.cpu()
    return x, y.to(x.device)


def _as_numbers(name: str, embeddings: Array) -> Tensor:
    """Embeddings as a tensor of real numbers."""
    try:
        x = torch.as_tensor(embeddings).detach()
    except (TypeError, ValueError, RuntimeError) as error:
        kind = getattr(embeddings, "dtype", type(embeddings).__name__)
        raise ValueError(f"{name} must be an array (n, d) of numbers, and these are of the kind {kind}") from error
    if x.is_complex():
        raise ValueError(f"{name} must be real numbers, not complex ones")
    return x.float() if x.dtype == torch.bool else x


def _count(space: Space, classes: Classes, relevant: Tensor, ks: Sequence[int]) -> NegativeCounts:
    """The negatives before each positive: between bounds for most queries, by sorting all scores for the others."""
    few = _few_positives(classes, leave_out=space.leave_out)
    queries = len(space.queries)
    work = float(queries) * len(space.items) * space.items.size(1)
    with full_precision(), tqdm(total=queries, desc="ranking", unit="query", disable=work < SLOW or None) as bar:
        counts, long = [], (relevant > 0) & ~few[classes.of_query]
        if bool(few.any()):
            pairs = score_pairs(space, classes, few)
            some = torch.where(few[classes.of_query], relevant, 0)
            found, overflowed = count_negatives(space, pairs, some, torch.tensor(sorted(ks)).to(few.device), bar.update)
            counts.append(found)
            long |= overflowed
        rows = long.nonzero().squeeze(1)
        bar.total = len(rows) + (queries if counts else 0)
        bar.refresh()
        counts.append(count_by_sorting(space, classes, rows, bar.update))
    return NegativeCounts(*(torch.cat(columns) for columns in zip(*counts, strict=True)))


def _few_positives(classes: Classes, *, leave_out: bool) -> Tensor:
    """Mask of the classes that are answered by bounds, bool (C,)."""
    sizes = classes.item_counts - int(leave_out)
    pairs = classes.query_counts * sizes
    order = sizes.argsort(stable=True)
    affordable = torch.empty_like(sizes, dtype=torch.bool)
    affordable[order] = pairs[order].cumsum(0) <= MOST_PAIRS
    return affordable & (sizes <= MOST_POSITIVES) & (pairs > 0)
