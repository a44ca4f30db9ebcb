"""Products of all with all that are made once and looked at twice: for bounds first, then for what reaches them.

Legend: N items, which are the queries too, in B blocks.

A product of two blocks is of use to the queries of both. Every two blocks at most `reach` apart, on the circle of all
blocks, are multiplied once; so each query has its products with 2 reach + 1 blocks, or with all.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from gnn_dml.metrics.ranking.space import Space

KEPT = 2**26
"""Bytes of products kept at most."""

SMALL = 2**8
"""Rows whose products with each other are made at once, though one half is the other turned over."""


class Products:
    """Products of blocks, kept as far as they fit `KEPT`.

    Args:
        space: What is compared, all with all.

    Attributes:
        reach: As above, at least 0.
        count: B.
        blocks: With how many of them each query has its products.
        seen: How many items these hold at least.
        pairs: Where the two blocks of each product begin, the first not behind the second.
    """

    def __init__(self, space: Space) -> None:
        self._space, self._size = space, space.block * space.block
        self.count = count = -(-len(space.items) // space.block)
        fit = KEPT // (self._size * space.queries.element_size())
        every = count * (count + 1) // 2
        self.reach = max((r for r in range(count // 2 + 1) if min(count * (r + 1), every) <= fit), default=0)
        self.blocks = min(count, 2 * self.reach + 1)
        self.seen = min(len(space.items), self.blocks * space.block)
        near = [(a, b) for a in range(count) for b in range(a, count) if min(b - a, count + a - b) <= self.reach]
        self.pairs = [(a * space.block, b * space.block) for a, b in near]
        self._place = {pair: number for number, pair in enumerate(self.pairs)} if len(near) <= fit else {}
        self._memory = _empty(len(self._place) * self._size, space.queries)

    def make(self, start: int, other: int) -> Tensor:
        """The product of the blocks that begin at these positions, one of `pairs`."""
        kept = self._at(start, other)
        return self._multiply(start, other, self._space.queries.new_empty(self._size) if kept is None else kept)

    def take(self, start: int, other: int, memory: Tensor) -> Tensor:
        """What `make` has made, if it is kept; else the product again, in `memory`."""
        kept = self._at(start, other)
        return self._multiply(start, other, memory) if kept is None else self._view(start, other, kept)

    def _multiply(self, start: int, other: int, memory: Tensor) -> Tensor:
        x, y = (self._space.items[begin : begin + self._space.block] for begin in (start, other))
        out = self._view(start, other, memory)
        if start == other:
            multiply_with_itself(x, out)
        else:
            torch.mm(x, y.T, out=out)
        return out

    def _view(self, start: int, other: int, memory: Tensor) -> Tensor:
        height, width = (min(self._space.block, len(self._space.items) - begin) for begin in (start, other))
        return memory[: height * width].view(height, width)

    def _at(self, start: int, other: int) -> Tensor | None:
        number = self._place.get((start, other))
        return None if number is None else self._memory[number * self._size : (number + 1) * self._size]


def less_half(space: Space, product: Tensor, items: slice, dim: int) -> Tensor:
    """Scores from a product: what `Space.half` says of some items, which stand along the dimension 1 - `dim`."""
    return product if space.half is None else product - space.half[items].to(product.dtype).unsqueeze(dim)


def multiply_with_itself(x: Tensor, out: Tensor) -> None:
    """Products of all rows (n, D) with each other, (n, n): one half is made and turned over."""
    half = -(-len(x) // 2)
    if half < SMALL:
        torch.mm(x, x.T, out=out)
        return
    multiply_with_itself(x[:half], out[:half, :half])
    multiply_with_itself(x[half:], out[half:, half:])
    torch.mm(x[:half], x[half:].T, out=out[:half, half:])
    out[half:, :half] = out[:half, half:].T


def _empty(count: int, like: Tensor) -> Tensor:
    """Memory for so many numbers; on a CPU by NumPy, which asks for large pages: fewer of them are to be cleared."""
    if like.device.type != "cpu":
        return like.new_empty(count)
    return torch.from_numpy(np.empty(count, dtype=like[:0].numpy().dtype))
