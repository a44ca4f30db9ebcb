"""What the loader of a training hands out."""

from __future__ import annotations

from typing import NamedTuple

from torch import Tensor


class Batch(NamedTuple):
    """A mini-batch.

    Attributes:
        images: (N, 3, h, w).
        labels: Class indices (N,).
        positions: Where each image stands in its split (N,).
    """

    images: Tensor
    labels: Tensor
    positions: Tensor
