"""The erased rectangle as the published code draws it."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn

AREA = (0.02, 0.4)
ASPECT = (0.3, 1 / 0.3)
ATTEMPTS = 100


class UniformErasing(nn.Module):
    """Random erasing (arXiv 1708.04896) with the aspect drawn evenly from 0.3 to 3.33, as published.

    torchvision's draws the aspect evenly on a logarithmic scale, so that lying rectangles are as frequent as standing
    ones; here most stand. Of a rectangle that does not fit another is drawn, up to a hundred times; torchvision gives
    up after ten.

    Args:
        p: Probability of erasing.
        value: Of the erased pixels, for each channel.
    """

    def __init__(self, p: float, value: Sequence[float]) -> None:
        super().__init__()
        self.p = p
        self.value = tuple(value)

    def forward(self, image: Tensor) -> Tensor:
        """An image (C, h, w), of which a copy is erased; torch's random state decides."""
        if torch.rand(()) >= self.p:
            return image
        height, width = image.shape[-2:]
        for _ in range(ATTEMPTS):
            area, aspect = (_uniform(*bounds) for bounds in (AREA, ASPECT))
            h, w = (round(math.sqrt(area * height * width * ratio)) for ratio in (aspect, 1 / aspect))
            if h < height and w < width:
                top, left = (int(torch.randint(free + 1, ())) for free in (height - h, width - w))
                erased = image.clone()
                value = torch.tensor(self.value, dtype=image.dtype)[:, None, None]
                erased[..., top : top + h, left : left + w] = value
                return erased
        return image


def _uniform(low: float, high: float) -> float:
    return low + (high - low) * float(torch.rand(()))
