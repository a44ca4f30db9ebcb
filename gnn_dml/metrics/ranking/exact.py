"""Scores of single pairs in float64, the same on every machine: what ranks where rounding could decide.

Legend: Q queries, G items, D channels, P pairs.

The score of a pair is one number of float64, the larger the nearer, computed from the two rows alone:

* cosine: cos - 1, from products and sums that are exact to about 30 digits, rounded once. So a space in which all rows
  point almost the same way keeps its order, and cosines that are equal as fractions (of whole numbers, say) are equal.
* euclidean: -|q - g|^2, from the differences and their squares in float64, summed without error and rounded once. So
  neither an offset of all rows nor a row far away takes digits from the others.

Two pairs tie if these numbers are equal; duplicates always do. `approximate` is a cheaper number with a bound on how
far it is off, which settles nearly all comparisons.
"""

from __future__ import annotations

import math
from typing import Literal

import numpy as np
import torch
from torch import Tensor

Metric = Literal["cosine", "euclidean"]

UNIT = 2.0**-53
"""Unit roundoff of float64."""

ENTRIES = 2**15
"""Numbers held at once in float64 where pairs are scored: 256 KiB, of which a few fit a cache."""

ROWS = 2**9
"""Rows converted at once."""

FEW = 2**12
"""Pairs that are scored one by one; of more, duplicates are scored once."""

SAFE = 2.0**300
"""Rows whose largest entry is above it, or below its inverse, are scaled: squares must neither vanish nor overflow."""

FINEST = 2.0**90
"""Inverse of the step to which cosines are rounded, far above the errors of 30 digits."""


class ExactScores:
    """Pairs of rows, compared in float64.

    Args:
        queries: (Q, D) of any real type, finite; kept, not copied, unless float64 of extreme size.
        items: (G, D); the same tensor where all are compared with all.
        metric: What near means.

    Attributes:
        queries: As given; of extreme float64 scaled by powers of two, which moves no digit.
        items: Likewise.
        inverse: For cosine 1 / |x| of queries and of items, float64, 0 for rows of zeros; None for Euclidean distances.
    """

    def __init__(self, queries: Tensor, items: Tensor, metric: Metric) -> None:
        own = queries is items
        if queries.dtype == torch.float64 or items.dtype == torch.float64:
            queries, items = _tame(queries, items, by_row=metric == "cosine")
            items = queries if own else items
        self.queries, self.items, self.metric = queries, items, metric
        self.inverse: tuple[Tensor, Tensor] | None = None
        if metric == "cosine":
            inverse = inverse_norms(queries)
            self.inverse = (inverse, inverse if own else inverse_norms(items))
        self._numbers: tuple[Tensor, Tensor] | None = None

    def approximate(self, query: Tensor, item: Tensor) -> tuple[Tensor, Tensor]:
        """Scores of pairs (P,) for positions (P,), and how far each may be from `exact`."""
        parts = [self._approximate(q, g) for q, g in self._pieces(query, item)]
        value, d = torch.cat(parts) if parts else torch.empty(0, device=query.device).double(), self.queries.size(1)
        # The rounding of the sum, of the differences, and for cosine that of the rows themselves.
        error = (2 * d + 32) * UNIT * value.abs() + 2.0**-1000
        if self.inverse is not None:
            error += 8 * UNIT * (2 * value.abs()).sqrt() + 4 / FINEST
        return value, error

    def exact(self, query: Tensor, item: Tensor) -> Tensor:
        """The scores of pairs, float64 (P,), for positions (P,)."""
        if len(query) <= FEW:
            return self._each(query, item)
        query, item = self._representatives()[0][query], self._representatives()[1][item]
        keys, inverse = torch.unique(query * len(self.items) + item, return_inverse=True)
        return self._each(keys // len(self.items), keys % len(self.items))[inverse]

    def before(self, query: Tensor, other: Tensor, item: Tensor) -> Tensor:
        """Whether `other` is ranked before `item` for each query, bool (P,); ties go to the lower index."""
        count = len(self.items)
        keys, inverse = torch.unique(torch.cat([query * count + other, query * count + item]), return_inverse=True)
        value, error = (part[inverse].view(2, -1) for part in self.approximate(keys // count, keys % count))
        before = value[0] > value[1]
        rows = ((value[0] - value[1]).abs() <= error[0] + error[1]).nonzero().squeeze(1)
        if len(rows):
            pairs = torch.cat([other[rows], item[rows]])
            theirs, ours = self.exact(query[rows].repeat(2), pairs).view(2, -1)
            before[rows] = (theirs > ours) | ((theirs == ours) & (other[rows] < item[rows]))
        return before

    def _pieces(self, query: Tensor, item: Tensor) -> list[tuple[Tensor, Tensor]]:
        step = max(1, ENTRIES // max(1, self.queries.size(1)))
        pieces = zip(torch.split(query, step), torch.split(item, step), strict=True)
        return [(q, g) for q, g in pieces if len(q)]

    def _approximate(self, query: Tensor, item: Tensor) -> Tensor:
        q, g = self.queries.index_select(0, query).double(), self.items.index_select(0, item).double()
        if self.inverse is None:
            return -(q - g).square_().sum(dim=1)
        ours, theirs = self.inverse[0][query], self.inverse[1][item]
        value = (q.mul_(ours[:, None]) - g.mul_(theirs[:, None])).square_().sum(dim=1) / -2
        return torch.where((ours == 0) | (theirs == 0), -1.0, value)

    def _each(self, query: Tensor, item: Tensor) -> Tensor:
        score = _cosine_less_one if self.metric == "cosine" else _negative_square_distance
        parts = [score(self.queries[q], self.items[g]) for q, g in self._pieces(query, item)]
        return torch.cat(parts) if parts else torch.empty(0, dtype=torch.float64, device=query.device)

    def _representatives(self) -> tuple[Tensor, Tensor]:
        """For every query and every item the first row that is the same."""
        if self._numbers is None:
            first = _first_of_equal(self.queries)
            self._numbers = (first, first if self.items is self.queries else _first_of_equal(self.items))
        return self._numbers


def inverse_norms(x: Tensor) -> Tensor:
    """1 / |x| of every row in float64 (N,); 0 for a row of zeros."""
    square = square_norms(x)
    return torch.where(square > 0, square.rsqrt(), 0.0)


def square_norms(x: Tensor) -> Tensor:
    """|x|^2 of every row, float64 (N,)."""
    out = torch.empty(len(x), dtype=torch.float64, device=x.device)
    # Written in place: a small result that stays between large ones that go would keep their memory from the next.
    for start in range(0, len(x), ROWS):
        out[start : start + ROWS] = x[start : start + ROWS].double().square().sum(dim=1)
    return out


def _tame(queries: Tensor, items: Tensor, *, by_row: bool) -> tuple[Tensor, Tensor]:
    """Rows, or all together, times a power of two where squares would overflow or vanish."""
    largest = [_largest(queries), _largest(items)]
    both = torch.cat(largest)
    used = both[both > 0]
    if not len(used) or (float(used.max()) < SAFE and float(used.min()) > 1 / SAFE):
        return queries, items
    if not by_row:
        largest = [torch.full_like(one, float(used.max())) for one in largest]
    scaled = [
        torch.ldexp(x.double(), -torch.frexp(most).exponent[:, None])
        for x, most in zip((queries, items), largest, strict=True)
    ]
    return scaled[0], scaled[1]


def _largest(x: Tensor) -> Tensor:
    """The largest size of an entry of every row, float64 (N,)."""
    if not x.numel():
        return torch.zeros(len(x), dtype=torch.float64, device=x.device)
    return torch.maximum(x.amax(dim=1).double().abs(), x.amin(dim=1).double().abs())


def _first_of_equal(x: Tensor) -> Tensor:
    rows = np.ascontiguousarray(x.detach().cpu().numpy()) if x.dtype != torch.bfloat16 else x.float().cpu().numpy()
    if not rows.size:
        return torch.zeros(len(x), dtype=torch.long, device=x.device)
    whole = rows.view(np.dtype((np.void, rows.dtype.itemsize * rows.shape[1]))).ravel()
    _, first, inverse = np.unique(whole, return_index=True, return_inverse=True)
    return torch.from_numpy(first[inverse.ravel()]).to(x.device)


def _cosine_less_one(q: Tensor, g: Tensor) -> Tensor:
    """Cos - 1 of pairs of rows (P, D): float64 (P,); -1 where one is zero."""
    wide = not (_is_narrow(q) and _is_narrow(g))
    a, b = (torch.ldexp(x.double(), -torch.frexp(_largest(x)).exponent[:, None]) for x in (q, g))
    dot, ours, theirs = _exact_sum(a, b, wide), _exact_sum(a, a, wide), _exact_sum(b, b, wide)
    norm = _root(*_times(ours, theirs))
    zero = norm[0] == 0
    norm = (torch.where(zero, 1.0, norm[0]), norm[1])
    quotient = dot[0] / norm[0]
    back = _times((quotient, torch.zeros_like(quotient)), norm)
    rest = ((dot[0] - back[0]) + (dot[1] - back[1])) / norm[0]
    whole, lost = _two_sum(quotient, torch.full_like(quotient, -1.0))
    score = whole + (lost + rest)
    return torch.where(zero, -1.0, ((score * FINEST).round() / FINEST).clamp(max=0.0))


def _negative_square_distance(q: Tensor, g: Tensor) -> Tensor:
    """-|q - g|^2 of pairs of rows (P, D): float64 (P,)."""
    difference = q.double() - g.double()
    exponent = torch.frexp(_largest(difference)).exponent
    difference = torch.ldexp(difference, -exponent[:, None])
    whole, rest = _exact_sum(difference, difference, False)
    return -torch.ldexp(whole + rest, 2 * exponent)


def _is_narrow(x: Tensor) -> bool:
    """Whether products of two entries have at most 53 bits."""
    return x.dtype in (torch.float32, torch.float16, torch.bfloat16, torch.uint8, torch.int8, torch.int16, torch.bool)


def _exact_sum(a: Tensor, b: Tensor, wide: bool) -> tuple[Tensor, Tensor]:
    """The sum over channels of products of entries below 1 in size, (P, D): a number and the rest it leaves.

    Products are cut into a part on a grid so coarse that its sum has no rounding, a second part likewise, and a rest
    that is too small to matter how it is added up.
    """
    bits = max(1, a.size(1) - 1).bit_length()
    product = a * b
    first = 1.5 * 2.0 ** (bits + 1)  # adding it rounds to its last place, 2^(bits - 51)
    high = (product + first) - first
    rest = product - high
    second = first * 2.0 ** (bits - 51)
    low = (rest + second) - second
    rest -= low
    if wide:
        rest += _lost(a, b, product)
    whole, lost = _two_sum(high.sum(dim=1), low.sum(dim=1))
    return whole, lost + rest.sum(dim=1)


def _two_sum(a: Tensor, b: Tensor) -> tuple[Tensor, Tensor]:
    """A + b, and what its rounding lost (Knuth)."""
    total = a + b
    part = total - a
    return total, (a - (total - part)) + (b - part)


def _lost(a: Tensor, b: Tensor, product: Tensor) -> Tensor:
    """What the rounding of a product lost (Dekker, Veltkamp)."""
    (a1, a2), (b1, b2) = ((high := (x * 134217729.0) - ((x * 134217729.0) - x), x - high) for x in (a, b))
    return ((a1 * b1 - product) + a1 * b2 + a2 * b1) + a2 * b2


def _times(a: tuple[Tensor, Tensor], b: tuple[Tensor, Tensor]) -> tuple[Tensor, Tensor]:
    product = a[0] * b[0]
    return product, _lost(a[0], b[0], product) + (a[0] * b[1] + a[1] * b[0])


def _root(high: Tensor, low: Tensor) -> tuple[Tensor, Tensor]:
    root = high.sqrt()
    square = root * root
    rest = (high - square) - _lost(root, root, square) + low
    return root, torch.where(root > 0, rest / (2 * root), math.nan).nan_to_num(0.0)
