"""Query expansion and database-side augmentation by nearest neighbours, weighted by powers of their cosines.

Legend: N images, Q queries, G items of the gallery, D channels, k neighbours.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from gnn_dml.evaluation.neighbour_sums import add_neighbours, cosines, nearest_and_cosines, unit_rows
from gnn_dml.evaluation.query_mask import check_query
from gnn_dml.metrics import retrieval
from gnn_dml.metrics.ranking.nearest import nearest_items
from gnn_dml.metrics.ranking.space import make_space


class Sides(NamedTuple):
    """What is looked up in what.

    Attributes:
        queries: Unit rows, float32 (Q, D).
        gallery: Unit rows, float32 (G, D).
    """

    queries: Tensor
    gallery: Tensor


@torch.no_grad()
def query_expansion(
    features: Tensor, *, neighbours: int, alpha: float, database: bool = False, query: Tensor | None = None
) -> Sides:
    """Each query averaged with what it finds, once: alpha query expansion.

    normalise(x_q + sum_j max(0, cos_qj)^alpha x_j) over the k nearest items of the gallery, x normalised: alphaQE of
    Radenovic, Tolias and Chum ("Fine-tuning CNN Image Retrieval with No Human Annotation", TPAMI 2018). With alpha = 0
    all have the weight 1: average query expansion (Chum et al., "Total Recall", ICCV 2007).

    With `database` the items of the gallery are first replaced in the same way by sums over their own nearest others in
    the gallery (database-side feature augmentation: Turcot and Lowe, ICCV Workshops 2009; Arandjelovic and Zisserman,
    CVPR 2012), and the queries find and average the replaced ones.

    Args:
        features: (N, D).
        neighbours: k; fewer where there are not as many. They are exact, and ties go to the lower index.
        alpha: The power, at least 0.
        database: Whether the gallery is changed too.
        query: bool (N,), which images are queries; they join nobody. None if each image is a query among all others: it
            is then left out of what it finds itself.

    Returns:
        Queries and gallery in the order of the images; both hold all images if `query` is None.

    Raises:
        ValueError: If there is to be no neighbour, alpha is below 0, a row is not finite or all zero, or `query` is of
            other images.

    Example:
        >>> x = torch.tensor([[1.0, 0.0], [0.0, 1.0], [-1.0, 0.1]])
        >>> sides = query_expansion(x, neighbours=1, alpha=0.0)
        >>> sides.queries[0].tolist(), sides.gallery[0].tolist()
        ([0.7071067690849304, 0.7071067690849304], [1.0, 0.0])
    """
    if neighbours < 1:
        raise ValueError(f"neighbours must be at least 1, not {neighbours}")
    if not 0 <= alpha < float("inf"):
        raise ValueError(f"alpha must be at least 0 and finite, not {alpha}")
    x = unit_rows(features)
    check_query(query, len(x))
    queries, gallery = (x, x) if query is None else (x[query], x[~query])
    if database:
        index, cosine = nearest_and_cosines(gallery, neighbours, None)
        gallery = add_neighbours(gallery, gallery, index, cosine.clamp(min=0) ** alpha)
    space = make_space(queries, gallery, "cosine", own=queries is gallery, leave_out=query is None)
    index = nearest_items(space, max(0, min(neighbours, len(gallery) - int(space.leave_out))))
    weight = cosines(queries, gallery, index).clamp(min=0) ** alpha
    return Sides(add_neighbours(queries, gallery, index, weight), gallery)


def score_sides(
    sides: Sides,
    labels: Tensor,
    query: Tensor | None = None,
    *,
    ks: Sequence[int] = (1, 2, 4, 8),
    more: Sequence[str] = (),
) -> dict[str, float]:
    """Look the queries up in the gallery, each left out of its own ranking where it is there too.

    Args:
        sides: From `query_expansion` with the same `query`.
        labels: long (N,).
        query: bool (N,) or None.
        ks: The K of Recall@K.
        more: Other metrics of retrieval.

    Returns:
        As `gnn_dml.metrics.retrieval` names them.

    Raises:
        ValueError: If shapes do not fit or an embedding is not finite.

    Example:
        >>> x = torch.tensor([[1.0, 0.0], [0.9, 0.1], [0.0, 1.0], [0.1, 0.9]])
        >>> score_sides(Sides(x, x), torch.tensor([0, 0, 1, 1]), ks=(1,))["recall@1"]
        1.0
    """
    if query is not None:
        check_query(query, len(sides.queries) + len(sides.gallery), labels)
    asked, answering = (labels, labels) if query is None else (labels[query], labels[~query])
    return retrieval(
        sides.queries,
        asked,
        gallery=sides.gallery,
        gallery_labels=answering,
        leave_out=query is None,
        ks=ks,
        more=more,
    )
