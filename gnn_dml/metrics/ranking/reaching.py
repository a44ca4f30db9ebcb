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

    def __call__(self, values: Tensor, bound: Tensor, *, dim: int) -> tuple[Tensor, Tensor]:
        """Row and column of every entry that is not below its bound, row by row.

        Args:
            values: (rows, columns).
            bound: Of the same type, for each row if `dim` is 0, for each column if it is 1.
            dim: See `bound`.
        """
        bound = bound.unsqueeze(1 - dim)
        if values.device.type != "cpu":
            row, column = (values >= bound).nonzero(as_tuple=True)
            return row, column
        mask = self._mask.numpy()[: len(values)]
        np.greater_equal(values.numpy(), bound.numpy(), out=mask[:, : values.size(1)])
        mask[:, values.size(1) :] = False
        flat = torch.from_numpy(mask.ravel().nonzero()[0])
        return flat >> self._bits, flat & ((1 << self._bits) - 1)


def pick(values: Tensor, index: Tensor) -> Tensor:
    """The entries of a row of numbers (n,) at some places (m,)."""
    if values.device.type != "cpu":
        return values[index]
    return torch.from_numpy(values.numpy()[index.numpy()])


def sort_numbers(values: Tensor) -> Tensor:
    """Numbers in rising order along the last dimension."""
    if values.device.type != "cpu":
        return values.sort(dim=-1).values
    return torch.from_numpy(np.sort(values.numpy(), axis=-1))


def stable_order(values: Tensor, below: int) -> Tensor:
    """The places of whole numbers from 0 to below a limit, in rising order of the numbers, equal ones as they stand.

    Numbers of 16 bits are sorted by their digits on a CPU, in a fraction of the time.
    """
    if values.device.type != "cpu" or below > 2**16:
        return values.argsort(stable=True)
    return torch.from_numpy(np.argsort(values.numpy().astype(np.uint16), kind="stable"))


def search_sorted(numbers: Tensor, values: Tensor) -> Tensor:
    """How many of some numbers in rising order (n,) are below each value (m,), int64."""
    if values.device.type != "cpu":
        return torch.searchsorted(numbers, values)
    return torch.from_numpy(np.searchsorted(numbers.numpy(), values.numpy()))
