"""Exact retrieval metrics: Recall@K, MAP@R and R-precision.

Legend: Q queries, G gallery items, D channels, R items of the query's class in the gallery.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Any, Literal, NamedTuple, get_args

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from tqdm import tqdm

from gnn_dml.metrics.inputs import as_classes, as_matrix
from gnn_dml.metrics.measures import parse_measures
from gnn_dml.metrics.ranking.full_sort import count_by_sorting
from gnn_dml.metrics.ranking.negative_counts import NegativeCounts, count_negatives
from gnn_dml.metrics.ranking.positives import Classes, group_by_class
from gnn_dml.metrics.ranking.scores import query_scores
from gnn_dml.metrics.ranking.space import Metric, Space, full_precision, make_space
from gnn_dml.metrics.ranking.unusual import UnusualSpaceWarning, describe_unusual

Array = Tensor | npt.NDArray[np.generic]

MOST_POSITIVES = 2**8
"""A query with more positives is answered by sorting all its scores."""

MOST_PAIRS = 2**25
"""So are the largest classes, as long as there are more pairs than this inside all others."""

UNANSWERABLE = ("leave out", "zero")

SLOW = 2.0**42
"""Multiplications from which on there is a progress bar."""


@torch.no_grad()
def retrieval(
    embeddings: Any,
    labels: Any,
    *,
    gallery: Any = None,
    gallery_labels: Any = None,
    leave_out: bool | Any = False,
    ks: Sequence[int] = (1, 2, 4, 8),
    metric: Metric = "cosine",
    more: Sequence[str] = (),
    average: Literal["query", "class"] = "query",
    unanswerable: Literal["leave out", "zero"] = "leave out",
) -> dict[str, float]:
    """Rank the gallery for every query and score the ranking.

    Without a gallery every item is ranked against all others; the item itself is left out by index. A query whose class
    has no other item in the gallery cannot be answered: it is counted in `unmatched` and, unless it is to count as
    zero, left out of every mean.

    * recall@k: the share of queries with an item of their class among the first k.
    * r_precision: the share of such items among the first R.
    * map@r: mean over the first R ranks of precision at a rank where it holds such an item, else 0 ("A Metric Learning
      Reality Check", ECCV 2020, section 2.2).

    With P(n) the share of such items among the first n, `more` may name:

    * mrr: 1 / the rank of the nearest such item.
    * precision@K: P(K); the gallery may be smaller, K stays the denominator.
    * precision@K/possible: divided by min(R, K) instead, as OML's precision is.
    * map: average precision over the whole ranking, the sum of P(n) over the ranks n of such items, divided by R.
    * map@K: the same sum over the first K ranks, divided by min(R, K), the most that it can be.
    * map@K/found: divided by the number of such items among the first K instead (0 where there is none), as OML's map.
    * map@K/relevant: divided by R instead, as pytorch-metric-learning's mean_average_precision and trec_eval's map_cut.

    The ranking is exact: by one float64 number for each pair, the cosine or the squared distance of the rows as they
    are given (`gnn_dml.metrics.ranking.exact`). Pairs for which these numbers are equal, duplicates for instance, are
    ties, which go to the lower gallery index. The ranking is the same on every device and machine, whatever the scale,
    an offset or a row far away, and so are the figures, means of precisions to their last bit or two. Memory grows with
    Q + G, not with Q x G; "map" and classes of very many items take longest. See
    `gnn_dml.metrics.ranking.negative_counts`.

    Args:
        embeddings: Queries (Q, D) of any real type: a tensor, an array or a list; they need not be normalised. An
            all-zero row has the cosine 0 with everything.
        labels: (Q,), whole numbers, text or categories: a tensor, an array, a list or a Series of pandas.
        gallery: (G, D), or None for all against all.
        gallery_labels: (G,), given with and only with `gallery`.
        leave_out: Which item of the gallery each query is itself, to be left out of its ranking: positions (Q,), -1
            where it is not there. True if the gallery holds the same images in the same order, embedded otherwise
            (queries that were expanded, say). Without a gallery that is always so. For ids, see
            `gnn_dml.metrics.positions`.
        ks: The K of recall@K, each at least 1.
        metric: "cosine" similarity or "euclidean" distance.
        more: Other metrics, as above.
        average: Over queries, or over the means of their classes, which then weigh alike.
        unanswerable: What a query without an item to find counts as.

    Returns:
        `recall@k` for each k, `map@r`, `r_precision`, and those of `more`: fractions in [0, 1], NaN if there is no
        query to take a mean of; and `unmatched`, a number of queries.

    Raises:
        ValueError: If shapes do not fit, a k is below 1, a name is unknown, an embedding has a value that is not finite
            (the message counts the rows and names the first), a label is missing, or a query and the item that it is
            have different labels.

    Warns:
        UnusualSpaceWarning: If the embeddings have collapsed to almost one direction, or for distances lie far from
            zero or from one another in proportion to how far apart most are. The figures are exact nevertheless.

    Example:
        >>> x = torch.tensor([[1.0, 0.0], [0.9, 0.1], [0.0, 1.0], [0.5, 0.6]])
        >>> found = retrieval(x, torch.tensor([0, 0, 1, 0]), ks=(1, 2))
        >>> {name: round(value, 3) for name, value in found.items()}
        {'recall@1': 0.667, 'recall@2': 1.0, 'map@r': 0.75, 'r_precision': 0.833, 'unmatched': 1.0}
        >>> retrieval(x, ["a", "a", "b", "a"], ks=(), more=["mrr"], unanswerable="zero")["mrr"]
        0.625
    """
    for name, value, known in (("average", average, ("query", "class")), ("unanswerable", unanswerable, UNANSWERABLE)):
        if value not in known:
            raise ValueError(f"{name} must be one of {', '.join(known)}, not {value!r}")
    found = _score(embeddings, labels, gallery, gallery_labels, leave_out, ks, metric, more)
    counted = found.answered if unanswerable == "leave out" else torch.ones_like(found.answered)
    groups = found.of_query if average == "class" else None
    means = {name: _mean(values * found.answered, counted, groups) for name, values in found.scores.items()}
    return {**means, "unmatched": float((~found.answered).sum())}


@torch.no_grad()
def retrieval_by_query(
    embeddings: Any,
    labels: Any,
    *,
    gallery: Any = None,
    gallery_labels: Any = None,
    leave_out: bool | Any = False,
    ks: Sequence[int] = (1, 2, 4, 8),
    metric: Metric = "cosine",
    more: Sequence[str] = (),
) -> dict[str, Tensor]:
    """The metrics of each query alone, of which `retrieval` gives the means; the arguments are the same.

    Returns:
        `recall@k` for each k, `map@r`, `r_precision`, and those of `more`: float64 (Q,), NaN where the gallery holds
        nothing to find.

    Raises:
        ValueError: As `retrieval`.

    Warns:
        UnusualSpaceWarning: As `retrieval`.

    Example:
        >>> x = torch.tensor([[1.0, 0.0], [0.9, 0.1], [0.0, 1.0], [0.5, 0.6]])
        >>> retrieval_by_query(x, torch.tensor([0, 0, 1, 0]), ks=(1,))["recall@1"].tolist()
        [1.0, 1.0, nan, 0.0]
    """
    found = _score(embeddings, labels, gallery, gallery_labels, leave_out, ks, metric, more)
    return {name: values.masked_fill(~found.answered, torch.nan) for name, values in found.scores.items()}


class _Scored(NamedTuple):
    """The metrics of every query, float64 (Q,), which of them can be answered (Q,), and their classes (Q,)."""

    scores: dict[str, Tensor]
    answered: Tensor
    of_query: Tensor


def _score(
    embeddings: Any,
    labels: Any,
    gallery: Any,
    gallery_labels: Any,
    leave_out: bool | Any,
    ks: Sequence[int],
    metric: Metric,
    more: Sequence[str],
) -> _Scored:
    own = gallery is None
    if own != (gallery_labels is None):
        raise ValueError("gallery and gallery_labels go together: one was given and the other not")
    queries, query_labels = check_arrays("embeddings", embeddings, labels, gallery_labels)
    items, item_labels = queries, query_labels
    if not own:
        items, item_labels = check_arrays("gallery", gallery, gallery_labels, labels)
        items, item_labels = items.to(queries.device), item_labels.to(queries.device)
    if items.size(1) != queries.size(1):
        raise ValueError(f"embeddings have {queries.size(1)} channels and the gallery has {items.size(1)}")
    if metric not in get_args(Metric):
        raise ValueError(f"metric must be one of {', '.join(get_args(Metric))}, not {metric!r}")
    for k in ks:
        if k < 1:
            raise ValueError(f"every k of recall@k must be at least 1, and {k} is not")
    measures = parse_measures(more)
    excluded = _excluded(leave_out, query_labels, item_labels)
    classes = group_by_class(query_labels, None if own else item_labels)
    space = make_space(queries, items, metric, own=own, leave_out=leave_out if excluded is None else excluded)
    if sentence := describe_unusual(space):
        warnings.warn(sentence, UnusualSpaceWarning, stacklevel=4)  # torch.no_grad is a call of its own
    relevant = classes.item_counts[classes.of_query]
    if space.excluded is not None:
        relevant = relevant - (space.excluded >= 0).long()
    deepest = max([one.k or 0 for one in measures], default=0)
    depth = torch.where(relevant > 0, relevant.clamp(min=deepest), 0)
    everywhere = any(one.kind == "mrr" for one in measures)
    whole = any(one.kind == "map" and one.k is None for one in measures)
    counts = _count(space, classes, depth, None if everywhere else ks, whole=whole)
    return _Scored(query_scores(counts, relevant, ks, measures), relevant > 0, classes.of_query)


def _mean(values: Tensor, counted: Tensor, groups: Tensor | None) -> float:
    """Over the queries that count, or over the means of their groups (Q,); NaN of nothing."""
    values = values[counted]
    if groups is None or not len(values):
        return float(values.mean())
    numbers, sizes = torch.unique(groups[counted], return_inverse=True, return_counts=True)[1:]
    sums = torch.zeros(len(sizes), dtype=values.dtype, device=values.device).index_add(0, numbers, values)
    return float((sums / sizes).mean())


def _excluded(leave_out: Any, query_labels: Tensor, item_labels: Tensor) -> Tensor | None:
    """Positions of items as `leave_out` gives them, long (Q,); None where it is true or false."""
    if isinstance(leave_out, bool):
        if leave_out and not torch.equal(query_labels, item_labels):
            raise ValueError(
                "with leave_out the gallery holds the images of the queries, and the labels are not the same"
            )
        return None
    found = torch.as_tensor(leave_out).to(query_labels.device)
    if found.shape != query_labels.shape or found.is_floating_point():
        raise ValueError(
            f"leave_out must be true, false or a position in the gallery for each of {len(query_labels)} queries, not "
            f"{found.dtype} of the shape {tuple(found.shape)}"
        )
    found = found.long()
    if bool(((found < -1) | (found >= len(item_labels))).any()):
        raise ValueError(
            f"leave_out must hold positions from 0 to {len(item_labels) - 1}, or -1 for a query that is not in the "
            f"gallery; there is {int(found.min()) if int(found.min()) < -1 else int(found.max())}"
        )
    inside = (found >= 0).nonzero().squeeze(1)
    other = inside[item_labels[found[inside]] != query_labels[inside]]
    if len(other):
        raise ValueError(
            f"with leave_out a query and the item that it is have one label; they differ for {len(other)} queries, the "
            f"first is query {int(other[0])}"
        )
    return found


def check_arrays(name: str, embeddings: Any, labels: Any, others: Any = None) -> tuple[Tensor, Tensor]:
    """Embeddings (N, D) and labels (N,) as tensors on one device that knows float64.

    Args:
        name: What they are, for messages.
        embeddings: See `retrieval`.
        labels: Likewise; equal ones get equal numbers.
        others: More labels that are to be numbered with them, so that two calls give both the same numbers.

    Raises:
        ValueError: If the shapes do not fit, a value is not finite or a label missing; `name` stands in the message.
    """
    x = as_matrix(name, embeddings)
    y = as_classes(name, labels, *([] if others is None else [others]))[0]
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


def _count(space: Space, classes: Classes, depth: Tensor, ks: Sequence[int] | None, *, whole: bool) -> NegativeCounts:
    """The negatives before each positive: between bounds for most queries, by sorting all scores for the others.

    Args:
        space: What is compared.
        classes: Of its queries and items.
        depth: See `count_negatives`.
        ks: Likewise.
        whole: Whether all positives count, wherever they stand: all scores are sorted then.
    """
    few = _few_positives(classes, leave_out=space.own)
    queries = len(space.queries)
    work = float(queries) * len(space.items) * space.items.size(1)
    with full_precision(), tqdm(total=queries, desc="ranking", unit="query", disable=work < SLOW or None) as bar:
        counts, long = [], (depth > 0) & (~few[classes.of_query] | _far(space, classes) | whole)
        left = (depth > 0) & ~long
        ranks = None if ks is None else torch.tensor(sorted(ks)).to(few.device)
        total = queries
        while bool(left.any()):
            found, overflowed = count_negatives(space, classes, torch.where(left, depth, 0), ranks, bar.update)
            counts.append(found)
            if not space.coarse or 4 * int(overflowed.sum()) < len(overflowed):
                long |= overflowed
                break
            space = space.precise()
            left, long = overflowed & ~_far(space, classes), long | (overflowed & _far(space, classes))
            bar.total = total = total + queries
        rows = long.nonzero().squeeze(1)
        bar.total = bar.n + len(rows)
        bar.refresh()
        counts.append(count_by_sorting(space, classes, rows, bar.update))
    return NegativeCounts(*(torch.cat(columns) for columns in zip(*counts, strict=True)))


def _far(space: Space, classes: Classes) -> Tensor:
    """Queries that products cannot answer: themselves or one of their class far from all others, bool (Q,)."""
    if space.half is None:
        return space.far_query
    found = torch.zeros(len(classes.item_counts), dtype=torch.bool, device=space.far_item.device)
    found[classes.of_item[space.far_item]] = True
    return space.far_query | found[classes.of_query]


def _few_positives(classes: Classes, *, leave_out: bool) -> Tensor:
    """Mask of the classes that are answered by bounds, bool (C,)."""
    sizes = classes.item_counts - int(leave_out)
    pairs = classes.query_counts * sizes
    order = sizes.argsort(stable=True)
    affordable = torch.empty_like(sizes, dtype=torch.bool)
    affordable[order] = pairs[order].cumsum(0) <= MOST_PAIRS
    return affordable & (sizes <= MOST_POSITIVES) & (pairs > 0)
