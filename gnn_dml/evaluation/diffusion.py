"""Ranking by diffusion on the graph of mutual nearest neighbours.

Legend: N images, Q queries, q of them in a chunk, G items of the gallery, D channels, t items near to a query.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from gnn_dml.evaluation.conjugate_gradient import conjugate_gradient
from gnn_dml.evaluation.neighbour_sums import cosines, unit_rows
from gnn_dml.evaluation.query_mask import check_query
from gnn_dml.metrics.ranking.nearest import nearest_items
from gnn_dml.metrics.ranking.space import Space, full_precision, make_space
from gnn_dml.metrics.scale import normalize_rows

ENTRIES = 2**21
"""Scores held at once, and unknowns that are solved for."""


@dataclass(frozen=True)
class DiffusionOptions:
    """How `diffuse` spreads similarity.

    Attributes:
        neighbours: Of each item in the graph; at least 1. The fewer images a class has, the fewer.
        query_neighbours: Items at which a query from outside of the gallery enters the graph; at least 1.
        gamma: The power of the cosines, above 0.
        alpha: How far it spreads, in [0, 1).
        nearest: Each query has a graph of so many of its nearest items; None for the whole graph, at least 1.
        iterations: Of the solver at most, at least 1.
        tolerance: Of the solver: residual in proportion to the right side, above 0.

    Raises:
        ValueError: If one of them is out of its range.
    """

    neighbours: int = 50
    query_neighbours: int = 10
    gamma: float = 3.0
    alpha: float = 0.99
    nearest: int | None = 1000
    iterations: int = 20
    tolerance: float = 1e-6

    def __post_init__(self) -> None:
        for name in ("neighbours", "query_neighbours", "nearest", "iterations"):
            value = getattr(self, name)
            if value is not None and value < 1:
                raise ValueError(f"{name} must be at least 1, not {value}")
        if not 0 <= self.alpha < 1:
            raise ValueError(f"alpha must be in [0, 1), not {self.alpha}")
        for name in ("gamma", "tolerance"):
            if not 0 < getattr(self, name) < float("inf"):
                raise ValueError(f"{name} must be above 0 and finite, not {getattr(self, name)}")


@torch.no_grad()
def diffuse(
    features: Tensor, options: DiffusionOptions = DiffusionOptions(), *, query: Tensor | None = None
) -> Iterator[Tensor]:
    """Scores by diffusion: the solution f of (I - alpha S) f = y for each query.

    Iscen, Tolias, Avrithis, Furon and Chum, "Efficient Diffusion on Region Manifolds: Recovering Small Objects with
    Compact CNN Representations" (CVPR 2017). The graph joins items that are among the nearest of each other, with the
    affinities max(0, cos)^gamma; S = D^-1/2 A D^-1/2. A query that is an item itself has y = 1 at its place; one from
    outside has its own affinities to its nearest items there, and joins nobody. Conjugate gradients solve it, for each
    query on the part of S that belongs to its nearest items (the affinities keep the degrees of the whole graph), or on
    all of it.

    What the query does not reach (f not above the tolerance) stands behind all that it reaches, by cosine.

    Memory grows with N x neighbours, besides the chunk of scores. The graph is made at the call, the scores as they are
    asked for.

    Args:
        features: (N, D).
        options: How to spread; the neighbours are fewer where there are not as many.
        query: bool (N,), which images are queries; None if each is one: its row then has a score with itself too.

    Returns:
        Chunks of scores, float32 (q, G), of the queries in their order: f, or the cosine minus 1, which is never above
        0. `gnn_dml.metrics.retrieval_by_scores` measures them.

    Raises:
        ValueError: If a row is not finite or all zero, or `query` is of other images.

    Example:
        >>> x = torch.tensor([[1.0, 0.0], [0.9, 0.1], [0.0, 1.0], [0.1, 0.9]])
        >>> [scores] = diffuse(x, DiffusionOptions(neighbours=1))
        >>> scores.topk(2, dim=1).indices.tolist()
        [[0, 1], [1, 0], [2, 3], [3, 2]]
    """
    x = unit_rows(features)
    check_query(query, len(x))
    queries, items = (x, x) if query is None else (x[query], x[~query])
    space = make_space(queries, items, "cosine", own=query is None)
    graph = _graph(space if query is None else make_space(items, items, "cosine", own=True), options)
    return _scores(space, graph, options)


def _graph(space: Space, options: DiffusionOptions) -> Any:
    """The matrix alpha S of all items with all, sparse float64 (G, G) in rows."""
    from scipy import sparse  # late: most programs that import this room never diffuse

    items = space.pairs.items
    count = len(items)
    found = nearest_items(space, max(0, min(options.neighbours, count - 1)))
    values = (cosines(items, items, found).double().clamp(min=0) ** options.gamma).cpu().numpy().ravel()
    ends = np.arange(count + 1) * found.size(1)
    near = sparse.csr_matrix((values, found.cpu().numpy().ravel(), ends), shape=(count, count))
    affinity = near.minimum(near.T).tocsr()  # 0 where one has not the other; else the two agree
    degree = np.asarray(affinity.sum(axis=1)).ravel()
    scale = sparse.diags(np.divide(1, np.sqrt(degree), out=np.zeros_like(degree), where=degree > 0))
    return (options.alpha * (scale @ affinity @ scale)).tocsr()


def _scores(space: Space, graph: Any, options: DiffusionOptions) -> Iterator[Tensor]:
    count = len(space.items)
    step = max(1, ENTRIES // max(1, count))
    for start in range(0, len(space.queries), step):
        with torch.no_grad():
            rows = torch.arange(start, min(start + step, len(space.queries)))
            queries = space.pairs.queries[rows]
            with full_precision():
                scores = (queries @ space.pairs.items.T).sub_(1.0).clamp_(max=0.0)
            entered = _entries(space, rows, options)
            if options.nearest is None or options.nearest >= count:
                _place(scores, np.arange(count), _solve(graph, entered.T.toarray(), options), options)
            else:
                # The last of them hardly matter, so here they are the nearest as float32 has it. The query is one of
                # them whatever its duplicates.
                first = scores.clone()
                if space.own:
                    first[torch.arange(len(rows)), rows] = 1.0
                near = first.topk(options.nearest, dim=1).indices.sort(dim=1).values
                for i, part in enumerate(near.cpu().numpy()):
                    y = entered[i].toarray().ravel()[part, None]
                    _place(scores[i : i + 1], part, _solve(graph[part][:, part], y, options), options)
        yield scores


def _entries(space: Space, rows: Tensor, options: DiffusionOptions) -> Any:
    """The right sides y of some queries, sparse (q, G), each of the length 1 or empty."""
    from scipy import sparse

    count = len(space.items)
    if space.own:
        found, values = rows[:, None], np.ones(len(rows))
    else:
        queries = space.pairs.queries[rows]
        near = make_space(queries, space.pairs.items, "cosine", own=False)
        found = nearest_items(near, min(options.query_neighbours, count))
        weight = cosines(queries, space.pairs.items, found).double().clamp(min=0) ** options.gamma
        values = normalize_rows(weight).cpu().numpy().ravel()
    ends = np.arange(len(rows) + 1) * found.size(1)
    return sparse.csr_matrix((values, found.cpu().numpy().ravel(), ends), shape=(len(rows), count))


def _solve(graph: Any, y: npt.NDArray[np.float64], options: DiffusionOptions) -> npt.NDArray[np.float64]:
    return conjugate_gradient(lambda v: v - graph @ v, y, iterations=options.iterations, tolerance=options.tolerance)


def _place(
    scores: Tensor, items: npt.NDArray[np.int64], found: npt.NDArray[np.float64], options: DiffusionOptions
) -> None:
    """Put what was found (t, q) into the scores (q, G), in place, as far as it is above the accuracy."""
    row, column = (found > options.tolerance).T.nonzero()
    place = torch.from_numpy(items[column]).to(scores.device)
    scores[torch.from_numpy(row).to(scores.device), place] = torch.from_numpy(found[column, row]).to(scores)
