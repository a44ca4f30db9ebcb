"""Queries and items as scores: the larger the score of an item, the nearer it is to the query.

Legend: Q queries, G items, D channels.

Cosine similarity is the product of normalised vectors. For Euclidean distances the score is q.g - |g|^2 / 2: a query's
own norm moves all its scores alike, so they order the items as the distances do.

Products of matrices are taken in float32, which rounds differently on every machine. So a comparison that the rounding
could turn (`margin` is a proven bound on it) is made again by `exact`, in float64, on a grid so coarse that float64's
own rounding does not show: scores that fall on the same point of it are ties. The numbers are the same everywhere.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

Metric = Literal["cosine", "euclidean"]

UNIT = 2.0**-24
"""Unit roundoff of float32."""

GRID = 2.0**-32
"""The step of the grid, relative to the largest possible score: well below what rounding does to the embeddings."""

ENTRIES = 2**18
"""Numbers held at once in float64 where pairs are scored: 2 MiB, which fit a cache."""

BLOCK = 2**10
"""Queries and items of one product of matrices: 4 MiB of scores."""

ROWS = 2**13
"""Rows converted at once."""


@dataclass(frozen=True)
class Space:
    """What is compared with what.

    Attributes:
        queries: float32 (Q, D).
        items: float32 (G, D); the same tensor where all are compared with all.
        half: |g|^2 / 2 of every item, float64 (G,); None for cosine.
        own: Whether the items are the queries, so that the products are symmetric.
        leave_out: Whether each query is itself the item at its own position, which is then no item for it.
        scale: A power of two that no score exceeds.
        margin: How far a float32 score may be from the true one at most.
        block: Queries and items of one product of matrices.
    """

    queries: Tensor
    items: Tensor
    half: Tensor | None
    own: bool
    leave_out: bool
    scale: float
    margin: float
    block: int

    def blocks(self, rows: slice, columns: slice) -> Tensor:
        """float32 products of some queries and some items, (q, g), before `half` is taken off."""
        return self.queries[rows] @ self.items[columns].T

    def exact(self, query: Tensor, item: Tensor) -> Tensor:
        """Scores of pairs on the grid, int64 (P,), for positions (P,) of queries and items."""
        step = max(1, ENTRIES // max(1, self.queries.size(1)))
        parts = [
            (self.queries[q].double() * self.items[g]).sum(dim=1) - self._half(g)
            for q, g in zip(torch.split(query, step), torch.split(item, step), strict=True)
        ]
        return self.on_grid(torch.cat(parts)) if parts else query.new_empty(0)

    def rows(self, query: Tensor) -> Tensor:
        """Scores of all items for some queries on the grid, int64 (q, G)."""
        parts = [
            self.queries[query].double() @ self.items[start : start + ROWS].double().T
            - self._half(slice(start, start + ROWS))
            for start in range(0, len(self.items), ROWS)
        ]
        return self.on_grid(torch.cat(parts, dim=1))

    def on_grid(self, scores: Tensor) -> Tensor:
        """float64 scores as whole numbers of grid steps."""
        return (scores / (GRID * self.scale)).round_().long()

    def _half(self, item: Tensor | slice) -> Tensor | float:
        return 0.0 if self.half is None else self.half[item]


def make_space(queries: Tensor, items: Tensor, metric: Metric, *, own: bool, leave_out: bool = False) -> Space:
    """Normalise for cosine; measure norms for Euclidean distances.

    With `own` the items are the queries, and each is left out of its own items. `leave_out` alone is for items that are
    the same images embedded otherwise: query i and item i are one image.

    The margin is the classical bound |fl(q.g) - q.g| <= D u |q| |g|, which holds for every order of summation (Higham,
    "Accuracy and Stability of Numerical Algorithms", section 3.1), with room for the roundings of what is around it.
    """
    queries = _to_float32(queries, metric)
    items = queries if own else _to_float32(items, metric)
    half = None
    largest = 1.0
    if metric == "euclidean":
        half = _square_norms(items) / 2
        top = float(half.max()) if len(half) else 0.0
        largest = float(_square_norms(queries).max()) ** 0.5 * (2 * top) ** 0.5 + top if len(queries) else 0.0
    scale = 2.0 ** _exponent(largest)
    return Space(queries, items, half, own, own or leave_out, scale, (queries.size(1) + 8) * UNIT * largest, BLOCK)


def _to_float32(x: Tensor, metric: Metric) -> Tensor:
    """float32, for cosine with the length 1, rounded once from float64."""
    if metric == "euclidean":
        return x.float().contiguous()
    out = torch.empty(x.shape, dtype=torch.float32, device=x.device)
    for start in range(0, len(x), ROWS):
        part = x[start : start + ROWS].double()
        out[start : start + ROWS] = part / part.norm(dim=1, keepdim=True).clamp(min=1e-300)
    return out


def _square_norms(x: Tensor) -> Tensor:
    parts = [part.double().square().sum(dim=1) for part in torch.split(x, ROWS)]
    return torch.cat(parts)


def _exponent(value: float) -> int:
    """The smallest e with value <= 2^e; 0 for the value 0."""
    mantissa, e = math.frexp(value)
    return e - (mantissa == 0.5)


@contextmanager
def full_precision() -> Iterator[None]:
    """float32 products in float32 on a GPU, whatever the program has allowed (tf32)."""
    allowed = torch.backends.cuda.matmul.allow_tf32
    torch.backends.cuda.matmul.allow_tf32 = False
    try:
        yield
    finally:
        torch.backends.cuda.matmul.allow_tf32 = allowed
