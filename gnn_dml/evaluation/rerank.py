"""Re-ranking by how much the k-reciprocal neighbours of two images have in common.

Legend: N images, Q queries, q of them in a chunk, G items of the gallery, D channels.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from torch import Tensor

from gnn_dml.evaluation.neighbour_sums import unit_rows
from gnn_dml.evaluation.query_mask import check_query
from gnn_dml.evaluation.reciprocal_encoding import ENTRIES, Encoded, Gallery, distance
from gnn_dml.metrics.ranking.space import full_precision

PAIRS = 2**21
"""Pairs of entries of two sets looked at at once."""


@torch.no_grad()
def rerank(
    features: Tensor, *, k1: int = 20, k2: int = 6, original: float = 0.3, query: Tensor | None = None
) -> Iterator[Tensor]:
    """Scores by k-reciprocal encoding: the negative of (1 - original) * Jaccard distance + original * distance.

    Zhong, Zheng, Cao and Li, "Re-ranking Person Re-identification with k-reciprocal Encoding" (CVPR 2017). Each image
    becomes a weighted set of its k-reciprocal neighbours, extended by the neighbours' own and averaged over its k2
    nearest; the sets of two images are compared by the Jaccard distance. It is 1 where they share nothing, so that the
    original distance alone decides there. That distance is the squared Euclidean one of the normalised rows, divided by
    the largest from the image that asks.

    Without queries apart, all images are encoded together, as in the paper. With them, the gallery is encoded among
    itself and each query as if it came alone: `gnn_dml.evaluation.reciprocal_encoding.Gallery.encode`.

    Memory grows with N, not with N x N, besides the chunk of scores. The sets are made at the call, the scores as they
    are asked for.

    Args:
        features: (N, D).
        k1: How many neighbours are asked whether they are reciprocal; all if there are not as many.
        k2: How many images an image shares sets with, itself among them; 1 for none.
        original: The share of the original distance, lambda in the paper, in [0, 1].
        query: bool (N,), which images are queries; None if each is one: its row then has a score with itself too.

    Returns:
        Chunks of scores, float32 (q, G), of the queries in their order; `gnn_dml.metrics.retrieval_by_scores` measures
        them.

    Raises:
        ValueError: If a k is below 1, the share is not in [0, 1], a row is not finite or all zero, or `query` is of
            other images.

    Example:
        >>> x = torch.tensor([[1.0, 0.0], [0.9, 0.1], [0.0, 1.0], [0.1, 0.9]])
        >>> [scores] = rerank(x, k1=1, k2=1)
        >>> scores.topk(2, dim=1).indices.tolist()
        [[0, 1], [1, 0], [2, 3], [3, 2]]
    """
    for name, value in (("k1", k1), ("k2", k2)):
        if value < 1:
            raise ValueError(f"{name} must be at least 1, not {value}")
    if not 0 <= original <= 1:
        raise ValueError(f"original must be in [0, 1], not {original}")
    x = unit_rows(features)
    check_query(query, len(x))
    queries, items = (x, x) if query is None else (x[query], x[~query])
    gallery = Gallery(items, k1, k2)
    asking = gallery.encoded if query is None else gallery.encode(queries)
    return _scores(queries, items, asking, gallery.encoded, original)


def _scores(queries: Tensor, items: Tensor, asking: Encoded, answering: Encoded, original: float) -> Iterator[Tensor]:
    columns = answering.sets.tocsc()
    theirs = torch.from_numpy(np.asarray(answering.sets.sum(axis=1)).ravel()).to(items)
    step = max(1, ENTRIES // max(1, len(items)))
    for start in range(0, len(queries), step):
        rows = slice(start, start + step)
        sets = asking.sets[rows]
        ours = torch.from_numpy(np.asarray(sets.sum(axis=1)).ravel()).to(items)
        with torch.no_grad(), full_precision():
            scores = distance(queries[rows] @ items.T, asking.farthest[rows, None]).mul_(-original).sub_(1 - original)
            common = _in_common(sets, columns).to(items)
            # Where nothing is in common both are full and the quotient is 0; two empty sets have nothing in common.
            union = (ours[:, None] + theirs).sub_(common).clamp_(min=1e-12)
            scores.add_(common.div_(union), alpha=1 - original)
        yield scores


def _in_common(sets: Any, columns: Any) -> Tensor:
    """The sum of the smaller weights of each two sets, (q, G): of sparse (q, C) in rows and (G, C) in columns."""
    ends = torch.from_numpy(columns.indptr).long()
    index, value = torch.from_numpy(columns.indices), torch.from_numpy(columns.data)
    item = torch.from_numpy(sets.indices).long()
    weight = torch.from_numpy(sets.data)
    row = torch.arange(sets.shape[0]).repeat_interleave(torch.from_numpy(np.diff(sets.indptr)).long())
    counts = (ends[1:] - ends[:-1])[item]
    upto = counts.cumsum(0)
    found = torch.zeros(sets.shape[0] * columns.shape[0])
    first = 0
    while first < len(item):
        reach = int(upto[first] - counts[first]) + PAIRS
        last = max(first + 1, int(torch.searchsorted(upto, reach, right=True)))
        some = counts[first:last]
        entry = torch.arange(first, last).repeat_interleave(some)
        before = (upto[first:last] - some) - (upto[first] - counts[first])
        place = torch.arange(len(entry)) + (ends[item[first:last]] - before).repeat_interleave(some)
        found.index_add_(0, row[entry] * columns.shape[0] + index[place], torch.minimum(weight[entry], value[place]))
        first = last
    return found.view(sets.shape[0], columns.shape[0])
