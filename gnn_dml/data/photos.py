"""The paper's transforms for photographs."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from torchvision.transforms import v2

from gnn_dml.data.erasing import UniformErasing
from gnn_dml.data.transforms import Transform
from gnn_dml.prepare.scales import SCALES, Scale

ERASING = ("torchvision", "uniform")
FILL = (0.4914, 0.4822, 0.4465)
"""Of an erased rectangle, in normalised units, as published."""


THIN = 16


class PhotoTransforms:
    """The transforms of "Learning Intra-Batch Connections for Deep Metric Learning", as in its published code.

    Training images are cropped and resized at random, flipped and, half of them, get a rectangle erased (2 to 40 % of
    the area); test images are resized on their shorter side and cropped in the middle.

    The published code erases after normalisation. Here images stay uint8 until they are on their device, so the erased
    rectangle has the level nearest to the published fill: at most half a level of 255 beside it.

    Args:
        size: Side in pixels of what the network sees.
        resize: The shorter side of a test image before its middle is cropped; at least `size`.
        crop_scale: Smallest and largest area of the random crop, as a share of the image.
        flip: Probability of a horizontal flip.
        erase: Probability of erasing a rectangle.
        erasing: How the rectangle's aspect is drawn: "torchvision" evenly on a logarithmic scale from 0.3 to 3.3,
            "uniform" evenly from 0.3 to 3.33, as published.
        normalize: "imagenet" for the usual mean and std; "published" for the std (0.299, 0.224, 0.225), whose first
            number is a typo that the published weights were trained with; "bn_inception" for blue first, levels 0 to
            255, mean (104, 117, 128); "half" for mean and std 0.5, as EfficientNet-Lite and many models of timm take.

    Raises:
        ValueError: If a number or the name is out of range.
    """

    def __init__(
        self,
        size: int = 227,
        resize: int = 256,
        *,
        crop_scale: Sequence[float] = (0.08, 1.0),
        flip: float = 0.5,
        erase: float = 0.5,
        erasing: str = "torchvision",
        normalize: str = "imagenet",
    ) -> None:
        if normalize not in SCALES:
            raise ValueError(f"normalize must be one of {', '.join(SCALES)}, not {normalize!r}")
        if erasing not in ERASING:
            raise ValueError(f"erasing must be one of {', '.join(ERASING)}, not {erasing!r}")
        if not 1 <= size <= resize:
            raise ValueError(f"size must be at least 1 and at most resize={resize}, not {size}")
        if len(crop_scale) != 2 or not 0 < crop_scale[0] <= crop_scale[1] <= 1:
            raise ValueError(f"crop_scale must be two shares of the area, rising, in (0, 1], not {list(crop_scale)}")
        for name, share in (("flip", flip), ("erase", erase)):
            if not 0 <= share <= 1:
                raise ValueError(f"{name} must be a probability from 0 to 1, not {share}")
        scale = SCALES[normalize]
        train: list[torch.nn.Module] = [
            v2.RandomResizedCrop(size, scale=tuple(crop_scale), antialias=True),
            v2.RandomHorizontalFlip(flip),
        ]
        if erase > 0:
            levels = [float(level) for level in scale.levels(FILL)]
            if erasing == "uniform":
                train.append(UniformErasing(erase, levels))
            else:
                train.append(v2.RandomErasing(erase, scale=(0.02, 0.4), ratio=(0.3, 3.3), value=levels))
        self.train: Transform = v2.Compose(train)
        self.evaluate: Transform = v2.Compose([MiddleOfThin(), v2.Resize(resize, antialias=True), v2.CenterCrop(size)])
        self.finish: Transform = _Finish(scale)


class MiddleOfThin(torch.nn.Module):
    """The middle of an image that is more than `THIN` times as long as it is wide; any other as it is.

    Of such an image a crop of its middle sees no more, and with its shorter side resized the whole of it would fill the
    memory: an image of 20,000 x 1 becomes one of 5 million x 256.
    """

    def forward(self, images: Tensor) -> Tensor:
        """Images (..., h, w) to images (..., h', w') with the same middle."""
        height, width = images.shape[-2:]
        most = THIN * min(height, width)
        if height > most:
            images = images[..., (height - most) // 2 :, :][..., :most, :]
        elif width > most:
            images = images[..., (width - most) // 2 :][..., :most]
        return images


class _Finish:
    """Levels (N, 3, h, w), red first, to what the network takes."""

    def __init__(self, scale: Scale) -> None:
        self.scale = scale

    def __call__(self, images: Tensor) -> Tensor:
        if self.scale.bgr:
            images = images.flip(-3)
        seen: Tensor = v2.functional.normalize(
            images.float() / self.scale.range, list(self.scale.mean), list(self.scale.std)
        )
        return seen
