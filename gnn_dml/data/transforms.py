"""From stored uint8 images to what the network sees, for training and for evaluation."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

import torch
from torch import Tensor
from torchvision.transforms import v2

Transform = Callable[[Tensor], Tensor]


class Transforms(Protocol):
    """How a data set's images are seen, in two steps, so that the second runs once per batch and on its device.

    Attributes:
        train: One stored image (3, h, w), uint8, to an augmented one (3, h', w'); random.
        evaluate: Stored images (..., 3, h, w) to (..., 3, h', w'); not random.
        finish: A batch (N, 3, h', w') of either to what the network takes, float.
    """

    train: Transform
    evaluate: Transform
    finish: Transform


class DrawingTransforms:
    """Transforms for small drawings on a white background.

    Training images are cropped and resized at random, shifted in colour and turned grey at times: vendors differ in
    palette, and some draw in black alone. There is no horizontal flip: an arrow to the left is another class than an
    arrow to the right.

    Args:
        size: Side in pixels.
        crop_scale: Smallest and largest area of the random crop, as a share of the image.
        grey: Probability of turning an image grey.
        jitter: Strength of the colour shift (brightness, contrast, saturation); hue moves by a quarter of it.
        erase: Probability of erasing a rectangle.
        mean: Of each channel, in [0, 1].
        std: Of each channel.
    """

    def __init__(
        self,
        size: int = 64,
        *,
        crop_scale: Sequence[float] = (0.8, 1.0),
        grey: float = 0.5,
        jitter: float = 0.0,
        erase: float = 0.0,
        mean: Sequence[float] = (0.5, 0.5, 0.5),
        std: Sequence[float] = (0.5, 0.5, 0.5),
    ) -> None:
        train: list[torch.nn.Module] = [
            v2.RandomResizedCrop(size, scale=tuple(crop_scale), ratio=(0.8, 1.25), antialias=True)
        ]
        if jitter > 0:
            train.append(v2.ColorJitter(jitter, jitter, jitter, jitter / 4))
        if grey > 0:
            train.append(v2.RandomGrayscale(grey))
        if erase > 0:
            train.append(v2.RandomErasing(erase))
        self.train: Transform = v2.Compose(train)
        self.evaluate: Transform = v2.Resize([size, size], antialias=True)
        self.finish: Transform = v2.Compose(
            [v2.ToDtype(torch.float32, scale=True), v2.Normalize(list(mean), list(std))]
        )
