"""Images as weighted sets of their k-reciprocal neighbours, in sparse matrices.

From Zhong, Zheng, Cao and Li, "Re-ranking Person Re-identification with k-reciprocal Encoding" (CVPR 2017). Two images
are reciprocal where each is among the nearest of the other, so that a row never holds more of them than its list is
long, and memory grows with the number of images.

Legend: N images that ask, G items that may be found, D channels, L entries of a list of neighbours.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from gnn_dml.metrics.ranking.nearest import nearest_items
from gnn_dml.metrics.ranking.space import full_precision, make_space

ENTRIES = 2**23
"""Cosines held at once."""

PAIR_ENTRIES = 2**20
"""Numbers held at once where pairs are compared."""


class Encoded(NamedTuple):
    """Images in terms of items.

    Attributes:
        sets: Weights, sparse float32 (N, G), in rows.
        farthest: The largest squared distance of each image to an item, float32 (N,).
    """

    sets: Any
    farthest: Tensor


class Gallery:
    """The items, encoded among themselves.

    Args:
        items: Unit rows (G, D).
        k1: How many neighbours an image has before it is asked whether these are reciprocal; at least 1.
        k2: How many images share their sets with an image, itself among them; at least 1.
    """

    def __init__(self, items: Tensor, k1: int, k2: int) -> None:
        self.items, self.k1, self.k2 = items, k1, k2
        space = make_space(items, items, "cosine", own=True)
        found = nearest_items(space, max(0, min(max(k1, k2 - 1), len(items) - 1)))
        itself = torch.arange(len(items), device=items.device)
        lists = torch.cat([itself[:, None], found], dim=1)
        self._small = _mutual(lists[:, : round(k1 / 2) + 1], len(items))
        # How near the last of its k1 others is to each item; None where all others are among them.
        self._last = space.exact(itself, found[:, k1 - 1]) if found.size(1) >= k1 else None
        reciprocal = _mutual(lists[:, : k1 + 1], len(items))
        farthest = _farthest(items, items)
        self._own = _weighted(items, items, _extended(reciprocal, self._small), farthest)
        self.encoded = Encoded(_means(lists[:, :k2], len(items)) @ self._own, farthest)

    def encode(self, queries: Tensor) -> Encoded:
        """Other images in terms of the items, each as if it came alone.

        An item is reciprocal to a query if it is among the k1 nearest of the query and fewer than k1 other items are
        nearer to it than the query is. The query itself belongs to no set.

        Args:
            queries: Unit rows (N, D).
        """
        count = len(self.items)
        space = make_space(queries, self.items, "cosine", own=False)
        found = nearest_items(space, min(max(self.k1, self.k2 - 1), count))
        lists = found[:, : self.k1]
        mutual = torch.ones_like(lists, dtype=torch.bool)
        if self._last is not None:
            rows = torch.arange(len(queries), device=lists.device)[:, None].expand(lists.shape)
            mutual = (space.exact(rows.flatten(), lists.flatten()) >= self._last[lists.flatten()]).view(lists.shape)
        reciprocal = _members(lists, count, mutual)
        farthest = _farthest(queries, self.items)
        own = _weighted(queries, self.items, _extended(reciprocal, self._small), farthest)
        others = found[:, : self.k2 - 1]
        total = own + _members(others, count).astype(np.float32) @ self._own
        return Encoded(_divided(total.tocsr(), 1 + others.size(1)), farthest)


def _members(lists: Tensor, items: int, chosen: Tensor | None = None) -> Any:
    """Lists (N, L) as a sparse matrix of ones (N, items), in rows; only the chosen entries (N, L) if given."""
    from scipy import sparse  # late: most programs that import this room never re-rank

    chosen = torch.ones_like(lists, dtype=torch.bool) if chosen is None else chosen
    ends = np.concatenate([[0], chosen.sum(dim=1).cumsum(0).cpu().numpy()])
    columns = lists[chosen].cpu().numpy()
    return sparse.csr_matrix((np.ones(len(columns), dtype=np.int32), columns, ends), shape=(len(lists), items))


def _mutual(lists: Tensor, items: int) -> Any:
    """Who is in whose list and has it in his own: ones (N, N)."""
    members = _members(lists, items)
    return members.multiply(members.T).tocsr()


def _extended(reciprocal: Any, small: Any) -> Any:
    """The sets (N, G), each with the small sets of those members of which more than 2/3 lies in it already."""
    common = reciprocal.multiply(reciprocal @ small.T).tocsr()
    sizes = np.asarray(small.sum(axis=1)).ravel()
    common.data = (3 * common.data > 2 * sizes[common.indices]).astype(np.int32)
    return (reciprocal + common @ small).tocsr()


def _weighted(queries: Tensor, items: Tensor, sets: Any, farthest: Tensor) -> Any:
    """exp(-distance) in the places of the sets (N, G); each row sums to 1, but an empty one to 0."""
    from scipy import sparse

    sets.eliminate_zeros()
    counts = torch.from_numpy(np.diff(sets.indptr)).long().to(items.device)
    row = torch.arange(len(queries), device=items.device).repeat_interleave(counts)
    column = torch.from_numpy(sets.indices).long().to(items.device)
    step = max(1, PAIR_ENTRIES // max(1, items.size(1)))
    cosine = [
        (queries[r] * items[c]).sum(dim=1)
        for r, c in zip(torch.split(row, step), torch.split(column, step), strict=True)
    ]
    weight = (-distance(torch.cat(cosine), farthest[row])).exp() if cosine else items.new_empty(0)
    total = torch.zeros(len(queries), device=items.device).index_add_(0, row, weight)
    values = (weight / total[row]).cpu().numpy()
    return sparse.csr_matrix((values, sets.indices, sets.indptr), shape=sets.shape)


def _means(lists: Tensor, items: int) -> Any:
    """Row i takes the mean of the rows in list i."""
    return _divided(_members(lists, items).astype(np.float32), lists.size(1))


def _divided(matrix: Any, by: int) -> Any:
    """A float32 matrix in rows, changed in place: a quotient would be float64."""
    matrix.data /= by
    return matrix


def distance(cosine: Tensor, farthest: Tensor) -> Tensor:
    """Squared Euclidean distance of unit vectors, as a share of the largest one of the image that asks."""
    return (2 - 2 * cosine).clamp_(min=0) / farthest


def _farthest(queries: Tensor, items: Tensor) -> Tensor:
    """The largest squared distance of each query to an item (N,); 1 where all are equal or there is none."""
    if not len(items):
        return torch.ones(len(queries), device=queries.device)
    step = max(1, ENTRIES // len(items))
    largest = queries.new_empty(len(queries))  # written in place, as small results between large ones keep memory
    with full_precision():
        for start in range(0, len(queries), step):
            largest[start : start + step] = 2 - 2 * (queries[start : start + step] @ items.T).amin(dim=1)
    return torch.where(largest > 1e-6, largest, 1.0)
