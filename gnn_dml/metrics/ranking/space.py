"""Queries and items as products of matrices: what finds the few pairs whose order takes a closer look.

Legend: Q queries, G items, D channels.

What ranks is `gnn_dml.metrics.ranking.exact`: one float64 number for every pair. Most pairs are far enough apart to be
told from one another by products of matrices, whose rounding differs between machines; `margin` bounds it. Where it
could turn an order, the pairs themselves are compared. So the figures are those of the float64 scores, everywhere.

The rows that are multiplied are float32 where that tells most pairs apart: of length 1 for cosine. Where it does not (a
space that has collapsed, a large offset, rows far away), the rows are moved so that their middle is zero, and
multiplied in float32 or, if that is still too coarse, in float64. Then the product stands for a distance, also for
cosine, since |u - v|^2 = 2 - 2 cos for rows of length 1: the score is q.g - |g|^2 / 2.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import Tensor

from gnn_dml.metrics.ranking.exact import ExactScores, Metric, square_norms
from gnn_dml.metrics.ranking.threads import side_by_side

__all__ = ["Metric", "Space", "full_precision", "make_space", "normalised"]

BLOCK = 2**10
"""Queries and items of one product of matrices: 4 MiB of scores."""

MANY = 2**14
"""Of so many items the products are half as large: 1 MiB, which CPUs multiply and look through a tenth faster."""

ROWS = 2**8
"""Rows converted at once by each thread: 1 MiB of 512 channels."""

ENTRIES = 2**16
"""Numbers of each side held at once where pairs are scored: 256 KiB, which fit a cache."""

SAMPLE = 2**6, 2**9
"""Queries and items by whose scores the precision is chosen."""

RESOLUTION = 2.0**-6
"""Margins above this share of the middle half of the scores of a query are too coarse."""

FAR = 2.0**6
"""Rows farther from the middle than this, where half of them are nearer than 1, are drawn in to there.

A query at a fourth of it at most finds items at a fourth of it at most within half of it, and all that is drawn in at
3/4 of it or farther.
"""

UNITS = {torch.float32: 2.0**-24, torch.float64: 2.0**-53}
"""Unit roundoff."""


@dataclass(frozen=True)
class Rows:
    """How rows are made ready to be multiplied: (x - centre) * scale, where x has the length 1 for cosine.

    Attributes:
        dtype: float32 or float64.
        centre: float64 (D,), or None where nothing is moved; then the product is the cosine itself.
        scale: A power of two.
    """

    dtype: torch.dtype
    centre: Tensor | None
    scale: float

    def convert(self, x: Tensor, inverse: Tensor | None, *, precise: bool = False) -> Tensor:
        """Rows (n, D) of any type, and 1 / |x| of each (n,) for cosine, rounded once from float64.

        Those beyond `FAR` are drawn in to there, but not if they are to be precise: in float64, whatever `dtype` is.
        """
        out = torch.empty(x.shape, dtype=torch.float64 if precise else self.dtype, device=x.device)

        def convert(start: int) -> None:
            rows = slice(start, start + ROWS)
            part = x[rows].double()
            if inverse is not None:
                part = part * inverse[rows, None]
            if self.centre is not None:
                part = (part - self.centre).mul_(self.scale)
                if not precise:
                    part *= (FAR / part.norm(dim=1, keepdim=True)).clamp(max=1.0)
            out[rows] = part

        side_by_side(convert, range(0, len(x), ROWS), x.device)
        return out

    def half(self, rows: Tensor, inverse: Tensor | None) -> Tensor | None:
        """What is taken off the products for each item, float64 (n,): |g|^2 / 2; None for plain cosines."""
        if self.centre is None:
            return None
        half = square_norms(rows) / 2
        # A row of zeros has the cosine 0 with all, as far as a right angle, which is farther than its distance says.
        return half if inverse is None else half + (inverse == 0) * (self.scale**2 / 2)

    def error(self, ours: Tensor, theirs: Tensor | float, channels: int, dtype: torch.dtype, *, unit: bool) -> Tensor:
        """How far the difference of two scores of a query may be from the true one at most, float64.

        |fl(q.g) - q.g| <= D u |q| |g| holds for every order of summation (Higham, "Accuracy and Stability of Numerical
        Algorithms", section 3.1); there is room for the roundings of what is around it.

        Args:
            ours: |q|.
            theirs: |g|, or the largest.
            channels: D.
            dtype: Of the products.
            unit: Whether rows were divided by their length.
        """
        u = UNITS[dtype]
        found = (
            2 * (channels + 16) * u * ours * theirs if dtype == torch.float64 else (channels + 8) * u * ours * theirs
        )
        if self.centre is None:
            return found
        # |g|^2 / 2 as it is summed and rounded, rows of length 1 as they were rounded before they were moved, and what
        # the float64 score itself is off, since it is that which ranks.
        found = found + (channels + 16 if dtype == torch.float64 else 4) * u * theirs**2
        found = found + 2 * UNITS[torch.float64] * (ours + theirs) ** 2
        return found + (16 * UNITS[torch.float64] * self.scale if unit else 0.0) * (ours + theirs)


@dataclass(frozen=True)
class Space:
    """What is compared with what.

    Attributes:
        queries: float32 or float64 (Q, D), what is multiplied.
        items: (G, D); the same tensor where all are compared with all.
        half: What is taken off the product for each item, float64 (G,); None for plain cosines.
        own: Whether the items are the queries, so that the products are symmetric.
        excluded: For each query the position of an item that is none for it, -1 for nobody, long (Q,); None where no
            query has one.
        margin: How far a score of each query, less another of its scores, may be from the true one, float64 (Q,).
        rounding: The part of `margin` that the rounding of the rows makes, float64 (Q,).
        far_query: Queries whose products may say nothing, bool (Q,).
        far_item: Items whose products may say no more to the other queries than that they are farther away than all
            that are not marked here, bool (G,).
        block: Queries and items of one product of matrices.
        pairs: What ranks.
        prepared: How the rows were made.
    """

    queries: Tensor
    items: Tensor
    half: Tensor | None
    own: bool
    excluded: Tensor | None
    margin: Tensor
    rounding: Tensor
    far_query: Tensor
    far_item: Tensor
    block: int
    pairs: ExactScores
    prepared: Rows

    @property
    def leave_out(self) -> bool:
        """Whether every query has an item that is none for it."""
        return self.excluded is not None and bool((self.excluded >= 0).all())

    @property
    def coarse(self) -> bool:
        """Whether the products could be more precise."""
        return self.prepared.dtype != torch.float64

    def blocks(self, rows: slice, columns: slice, memory: Tensor | None = None) -> Tensor:
        """Products of some queries and some items, (q, g), before `half` is taken off.

        Args:
            rows: Which queries.
            columns: Which items.
            memory: Numbers of the type of the products, at least as many, to be written over. New memory for each
                product costs time, and so does a product that is too large for the caches: it is made in parts.
        """
        queries, items = self.queries[rows], self.items[columns]
        if memory is None:
            return queries @ items.T
        out = memory[: len(queries) * len(items)].view(len(queries), len(items))
        step = BLOCK if out.device.type == "cpu" else max(1, len(items))
        for start in range(0, len(items), step):
            torch.mm(queries, items[start : start + step].T, out=out[:, start : start + step])
        return out

    def scores(self, rows: slice, columns: slice, memory: Tensor | None = None) -> Tensor:
        """Approximate scores of some queries and some items, (q, g); `memory` as in `blocks`."""
        products = self.blocks(rows, columns, memory)
        return products if self.half is None else products.sub_(self.half[columns].to(products.dtype))

    def products(self, query: Tensor, item: Tensor) -> Tensor:
        """Scores of pairs of the rows that are multiplied, float64 (P,), for positions (P,): summed without error."""
        step = max(1, ENTRIES // max(1, self.queries.size(1)))
        parts = [query.new_empty(0, dtype=torch.float64)]
        for q, g in zip(torch.split(query, step), torch.split(item, step), strict=True):
            ours, theirs = (x.index_select(0, i) for x, i in ((self.queries, q), (self.items, g)))
            product = ours.mul_(theirs).sum(dim=1, dtype=torch.float64)  # each rounded once, as `rounding` has room for
            parts.append(product if self.half is None else product - self.half[g])
        return torch.cat(parts)

    def exact(self, query: Tensor, item: Tensor) -> Tensor:
        """What pairs are ranked by, float64 (P,), for positions (P,); see `gnn_dml.metrics.ranking.exact`."""
        return self.pairs.exact(query, item)

    def rows(self, query: Tensor) -> tuple[Tensor, Tensor]:
        """Scores of all items for some queries, float64 (q, G), and how far two of them may be off together (q, G)."""
        ours, theirs = self.pairs.inverse or (None, None)
        inverse = None if ours is None else ours[query]
        queries = self.prepared.convert(self.pairs.queries[query], inverse, precise=True)
        scores, lengths = [], []
        for start in range(0, len(self.items), BLOCK):
            part = slice(start, start + BLOCK)
            inverse = None if theirs is None else theirs[part]
            items = self.prepared.convert(self.pairs.items[part], inverse, precise=True)
            half = self.prepared.half(items, inverse)
            scores.append(queries @ items.T if half is None else queries @ items.T - half)
            lengths.append(square_norms(items).sqrt())
        length = square_norms(queries).sqrt()[:, None]
        unit = self.pairs.inverse is not None
        error = self.prepared.error(length, torch.cat(lengths), self.queries.size(1), torch.float64, unit=unit)
        return torch.cat(scores, dim=1), error

    def precise(self) -> Space:
        """The same compared in float64."""
        return _assemble(self.pairs, _moved(self.pairs, torch.float64), own=self.own, excluded=self.excluded)


def make_space(queries: Tensor, items: Tensor, metric: Metric, *, own: bool, leave_out: bool | Tensor = False) -> Space:
    """Choose how rows are multiplied, and do what can be done before that.

    With `own` the items are the queries, and each is left out of its own items. `leave_out` alone is for items that are
    the same images embedded otherwise: query i and item i are one image, or query i is item `leave_out[i]`, if not -1.

    Args:
        queries: (Q, D) of any real type, finite.
        items: (G, D); the same tensor with `own`.
        metric: "cosine" or "euclidean".
        own: See above.
        leave_out: See above.
    """
    pairs = ExactScores(queries, queries if own else items, metric)
    excluded = leave_out if isinstance(leave_out, Tensor) else None
    if own or leave_out is True:
        excluded = torch.arange(len(queries), device=queries.device)
    if metric == "cosine":
        space = _assemble(pairs, Rows(torch.float32, None, 1.0), own=own, excluded=excluded)
        if _tells_apart(space):
            return space
    space = _assemble(pairs, _moved(pairs, torch.float32), own=own, excluded=excluded)
    return space if _tells_apart(space) else space.precise()


def normalised(x: Tensor) -> Tensor:
    """Rows of the length 1, float32 (N, D), rounded once from float64; rows of zeros stay zero."""
    pairs = ExactScores(x, x, "cosine")
    assert pairs.inverse is not None
    return Rows(torch.float32, None, 1.0).convert(pairs.queries, pairs.inverse[0])


def _assemble(pairs: ExactScores, rows: Rows, *, own: bool, excluded: Tensor | None) -> Space:
    ours, theirs = pairs.inverse or (None, None)
    queries = rows.convert(pairs.queries, ours)
    items = queries if own else rows.convert(pairs.items, theirs)
    half = rows.half(items, theirs)
    lengths, largest = torch.ones(len(queries), dtype=torch.float64, device=queries.device), 1.0
    far_query, far_item = (torch.zeros(len(x), dtype=torch.bool, device=x.device) for x in (queries, items))
    if half is not None:
        lengths = square_norms(queries).sqrt()
        theirs_length = lengths if own else square_norms(items).sqrt()
        largest = float(theirs_length.max()) if len(items) else 1.0
        far_query, far_item = lengths > FAR / 4, theirs_length > FAR / 4
    # Positions of items and queries of a block fit one key: see `gnn_dml.metrics.ranking.blocks.sort_key`.
    block = BLOCK if len(items) > MANY else BLOCK // 2
    block = min(block, 2 ** max(0, 32 - max(1, len(items) - 1).bit_length()))
    unit = pairs.inverse is not None
    margin, rounding = (
        rows.error(1.001 * lengths, 1.001 * largest, channels, rows.dtype, unit=unit)
        for channels in (queries.size(1), 0)
    )
    return Space(queries, items, half, own, excluded, margin, rounding, far_query, far_item, block, pairs, rows)


def _some(x: Tensor, most: int) -> slice:
    return slice(None, None, max(1, -(-len(x) // most)))


def _moved(pairs: ExactScores, dtype: torch.dtype) -> Rows:
    """The median of each channel becomes zero, and half of the rows are then shorter than 1.

    A median, since a mean follows a single row that is far away.
    """
    some = _some(pairs.items, SAMPLE[1])
    items = pairs.items[some].double()
    if not items.numel():
        return Rows(dtype, torch.zeros(items.size(1), dtype=torch.float64, device=items.device), 1.0)
    if pairs.inverse is not None:
        items = items * pairs.inverse[1][some, None]
    centre = items.median(dim=0).values
    lengths = (items - centre).norm(dim=1)
    typical = float(lengths.median()) or float(lengths.max())  # half of the rows may be the same
    exponent = -math.frexp(typical)[1] if typical else 0
    return Rows(dtype, centre, 2.0 ** max(-1000, min(1000, exponent)))


def _tells_apart(space: Space) -> bool:
    """Whether the products tell most scores of a sample apart."""
    ours, theirs = _some(space.queries, SAMPLE[0]), _some(space.items, SAMPLE[1])
    scores = space.queries[ours] @ space.items[theirs].T
    if not scores.numel():
        return True
    if space.half is not None:
        scores -= space.half[theirs].to(scores.dtype)
    ordered = scores.sort(dim=1).values
    count = ordered.size(1)
    spread = ordered[:, (3 * count) // 4 - (count > 1)] - ordered[:, count // 4]
    return bool((space.margin[ours] <= RESOLUTION * spread).double().mean() >= 0.5)


@contextmanager
def full_precision() -> Iterator[None]:
    """float32 products in float32 on a GPU, whatever the program has allowed (tf32)."""
    allowed = torch.backends.cuda.matmul.allow_tf32
    torch.backends.cuda.matmul.allow_tf32 = False
    try:
        yield
    finally:
        torch.backends.cuda.matmul.allow_tf32 = allowed
