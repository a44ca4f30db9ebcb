"""Boolean matrices: how many entries of each row or column are true, and which.

torch sums booleans one by one as 64-bit numbers. Read eight at a time as one 64-bit word, they add up in eight bytes
side by side, without a carry as long as at most 255 words are added.
"""

from __future__ import annotations

import torch
from torch import Tensor

WORD = 8
MOST = 255


def empty_mask(rows: int, columns: int, device: torch.device) -> Tensor:
    """A false boolean matrix (rows, columns) whose rows are padded to whole words, as `count_true` wants it."""
    return torch.zeros(rows, -(-columns // WORD) * WORD, dtype=torch.bool, device=device)[:, :columns]


def count_true(mask: Tensor, dim: int) -> Tensor:
    """The number of true entries along a dimension, int64.

    Args:
        mask: (rows, columns), from `empty_mask`: its padding must be false.
        dim: 0 to count in each column, 1 in each row.
    """
    words = _padded(mask).view(torch.int64)
    total = torch.zeros(mask.size(1 - dim), dtype=torch.int64, device=mask.device)
    for part in torch.split(words, MOST, dim=dim):
        lanes = part.sum(dim=dim, keepdim=True).view(torch.uint8)
        total += lanes.sum(dim=1) if dim == 1 else lanes[0, : mask.size(1)]
    return total


def where_true(mask: Tensor) -> tuple[Tensor, Tensor]:
    """Row and column of every true entry of a matrix from `empty_mask`, row by row."""
    if mask.device.type != "cpu" or not len(mask):
        row, column = mask.nonzero(as_tuple=True)
        return row, column
    # NumPy finds the few true entries of a large mask several times as fast, and counting is cheaper than dividing.
    flat = torch.from_numpy(_padded(mask).numpy().ravel().nonzero()[0])
    first = torch.arange(len(mask)) * mask.stride(0)
    counts = count_true(mask, 1)
    return torch.arange(len(mask)).repeat_interleave(counts), flat - first.repeat_interleave(counts)


def _padded(mask: Tensor) -> Tensor:
    return mask.as_strided((mask.size(0), mask.stride(0)), mask.stride())
