"""Large matrices of numbers compared with a bound for each row or column: which entries reach it.

NumPy compares, and finds the few true entries of a large mask, several times as fast as torch on a CPU.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor


class Reaching:
    """Finds the entries that reach a bound; it keeps the mask between calls, so each thread has one of its own.

    Args:
        rows: The most rows of a matrix.
        columns: The most columns.
        device: Where the matrices are.
    """

    def __init__(self, rows: int, columns: int, device: torch.device) -> None:
        self._bits = max(0, columns - 1).bit_length()
        self._mask = torch.zeros(rows, 1 << self._bits, dtype=torch.bool, device=device)

    def __call__(
        self, values: Tensor, bound: Tensor, rows: Tensor, columns: Tensor, *, dim: int
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Row, column and value of every entry not below its bound that joins different classes, row by row.

        Args:
            values: (rows, columns).
            bound: Of the same type, for each row if `dim` is 0, for each column if it is 1.
            rows: The class of each row.
            columns: The class of each column.
            dim: See `bound`.
        """
        bound = bound.unsqueeze(1 - dim)
        if values.device.type != "cpu":
            row, column = ((values >= bound) & (rows[:, None] != columns)).nonzero(as_tuple=True)
            return row, column, values[row, column]
        mask = self._mask.numpy()[: len(values)]
        np.greater_equal(values.numpy(), bound.numpy(), out=mask[:, : values.size(1)])
        mask[:, values.size(1) :] = False
        flat = mask.ravel().nonzero()[0]
        y, x = flat >> self._bits, flat & ((1 << self._bits) - 1)
        apart = (rows.numpy().take(y) != columns.numpy().take(x)).nonzero()[0]
        y, x = y.take(apart), x.take(apart)
        whole = values.size(1) == mask.shape[1] and values.is_contiguous()
        found = values.numpy().ravel().take(flat.take(apart)) if whole else values.numpy()[y, x]
        return torch.from_numpy(y), torch.from_numpy(x), torch.from_numpy(found)


def pick(values: Tensor, index: Tensor) -> Tensor:
    """The entries of a row of numbers (n,) at some places (m,)."""
    if values.device.type != "cpu":
        return values[index]
    return torch.from_numpy(values.numpy().take(index.numpy()))


def sort_numbers(values: Tensor) -> Tensor:
    """Numbers in rising order along the last dimension."""
    if values.device.type != "cpu":
        return values.sort(dim=-1).values
    return torch.from_numpy(np.sort(values.numpy(), axis=-1))


def order_numbers(values: Tensor) -> Tensor:
    """The places of numbers (n,) in rising order of these."""
    if values.device.type != "cpu":
        return values.argsort()
    return torch.from_numpy(np.argsort(values.numpy()))


def search_sorted(numbers: Tensor, values: Tensor) -> Tensor:
    """How many of some numbers in rising order (n,) are below each value (m,), int64."""
    if values.device.type != "cpu":
        return torch.searchsorted(numbers, values)
    return torch.from_numpy(np.searchsorted(numbers.numpy(), values.numpy()))
