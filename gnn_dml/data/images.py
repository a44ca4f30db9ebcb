"""What a data set is to the rest of the package: splits of labelled images, no class in two of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

SPLITS = ("train", "val", "test")


@dataclass(frozen=True)
class ImageSplit:
    """The images of one split, held in memory.

    Attributes:
        images: uint8 (N, 3, h, w).
        labels: long (N,), 0 .. C - 1 within the split, every class present.
        class_names: C names.
        image_names: N names, unique in the data set.
    """

    images: Tensor
    labels: Tensor
    class_names: tuple[str, ...]
    image_names: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.labels)

    @property
    def num_classes(self) -> int:
        """C."""
        return len(self.class_names)


class ImageDataset(Protocol):
    """A data set by splits."""

    def split(self, name: str) -> ImageSplit:
        """The split `name`: one of "train", "val", "test"."""
        ...


def join(splits: list[ImageSplit]) -> ImageSplit:
    """Several splits as one, labels renumbered in order; their classes are disjoint."""
    offsets = [sum(split.num_classes for split in splits[:i]) for i in range(len(splits))]
    return ImageSplit(
        images=torch.cat([split.images for split in splits]),
        labels=torch.cat([split.labels + offset for split, offset in zip(splits, offsets, strict=True)]),
        class_names=tuple(name for split in splits for name in split.class_names),
        image_names=tuple(name for split in splits for name in split.image_names),
    )
