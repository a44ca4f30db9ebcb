"""Embeddings in another unit: multiplied by powers of two, which changes no digit of them and no direction.

A norm squares its entries, so that of a row of 1e-200 is 0 and that of a row of 1e200 is infinite. Rows are brought
near 1 before; a row of ordinary size comes out with the digits that it would have had.

Legend: N embeddings, D channels.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import normalize

FAR = 2.0**200
"""Rows of float64 between 1 / `FAR` and `FAR` have squares that float64 holds to all its digits."""


def scale_rows(x: Tensor) -> Tensor:
    """Each row times the power of two that brings its largest entry into [1/2, 1).

    Args:
        x: Floating point (N, D).

    Returns:
        (N, D) of the same kind. Rows that are all zero, or hold NaN or infinity, stay as they are.

    Example:
        >>> scale_rows(torch.tensor([[0.0, 6.0], [1e-30, 0.0], [0.0, 0.0]]).double()).round(decimals=6).tolist()
        [[0.0, 0.75], [0.633825, 0.0], [0.0, 0.0]]
    """
    return _times_power_of_two(x, _largest(x)) if x.numel() else x


def scale_far_rows(x: Tensor) -> Tensor:
    """As `scale_rows` where a row of float64 is beyond `FAR` on either side; else x itself, without a copy."""
    if x.dtype != torch.float64 or not x.numel():
        return x
    top = _largest(x)
    far = (top > 0) & ((top < 1 / FAR) | (top > FAR))
    return _times_power_of_two(x, top) if bool(far.any()) else x


def directions(x: Tensor) -> Tensor:
    """Rows of the length 1 in float32, whatever their length was; rows that are all zero stay so.

    Args:
        x: (N, D) of any kind of real number.

    Example:
        >>> directions(torch.tensor([[3e-30, 4e-30], [3e30, 4e30], [0.0, 0.0]])).double().round(decimals=6).tolist()
        [[0.6, 0.8], [0.6, 0.8], [0.0, 0.0]]
    """
    x = x if x.dtype == torch.float64 else x.float()
    return normalize(scale_rows(x).float(), dim=1)


def centre_rows(x: Tensor) -> Tensor:
    """All rows moved by the same and multiplied by the same power of two, so that they lie around zero and near 1.

    Which of two distances is the larger stays what it was, but for the rounding to float32.

    Args:
        x: (N, D) of any kind of real number, finite.

    Example:
        >>> centre_rows(torch.tensor([[1024.0, 5.0], [1032.0, 5.0]])).tolist()
        [[-0.5, 0.0], [0.5, 0.0]]
    """
    if not x.numel():
        return x.float()
    x = _to_one(x.double())
    return _to_one(x - x.mean(dim=0)).float()


def normalize_rows(x: Tensor) -> Tensor:
    """As `directions`, in the kind of number that x has, which must be floating point."""
    return normalize(scale_rows(x), dim=1)


def _to_one(x: Tensor) -> Tensor:
    """All entries times the power of two that brings the largest into [1/2, 1)."""
    return _times_power_of_two(x, _largest(x).amax().expand(len(x)))


def _largest(x: Tensor) -> Tensor:
    """The largest size of an entry of each row (N,); no copy of x is made."""
    return torch.maximum(x.amax(dim=1), -x.amin(dim=1))


def _times_power_of_two(x: Tensor, largest: Tensor) -> Tensor:
    exponent = torch.frexp(torch.where(torch.isfinite(largest), largest, 0.0)).exponent
    # In two steps: 2^1073, which the smallest number of float64 needs, is itself none.
    first = -exponent // 2
    return torch.ldexp(torch.ldexp(x, first[:, None].to(x.dtype)), (-exponent - first)[:, None].to(x.dtype))
