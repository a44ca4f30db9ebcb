"""Batches from a split: seeded per image, so the same on every number of workers."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from gnn_dml.data.images import ImageSplit
from gnn_dml.data.sampler import GroupSampler
from gnn_dml.data.transforms import Transform


class TrainImages(Dataset[tuple[Tensor, Tensor]]):
    """The augmented images of a split, fetched a batch at a time.

    What a batch looks like depends on (seed, epoch, its positions) alone, not on the process that loads it.

    Args:
        split: The images.
        transform: From one stored image (3, h, w) to an augmented one.
        seed: Of the augmentation.
    """

    def __init__(self, split: ImageSplit, transform: Transform, *, seed: int) -> None:
        self.split = split
        self.transform = transform
        self.seed = seed
        self.epoch = 0

    def __len__(self) -> int:
        return len(self.split)

    def __getitems__(self, indices: list[int]) -> tuple[Tensor, Tensor]:
        """Images (N, 3, h', w') and labels (N,) at these positions; a DataLoader calls this."""
        with torch.random.fork_rng(devices=[]):
            # A tuple of whole numbers has the same hash in every process.
            # The CPU's generator alone: torch.manual_seed would also reseed a GPU's, and with it dropout.
            torch.default_generator.manual_seed(hash((self.seed, self.epoch, *indices)))
            images = torch.stack([self.transform(self.split.images[index]) for index in indices])
        return images, self.split.labels[indices]


def _as_it_is(batch: Any) -> Any:
    return batch


class TrainLoader:
    """The P x K batches of one epoch after another.

    Args:
        images: What to draw from.
        sampler: How.
        workers: Processes that load ahead; 0 loads in this one.
        pin_memory: Whether batches are copied to page-locked memory, which a GPU reads faster.
    """

    def __init__(
        self, images: TrainImages, sampler: GroupSampler, *, workers: int = 0, pin_memory: bool = False
    ) -> None:
        self.images = images
        self.sampler = sampler
        self.loader = DataLoader(
            images,
            batch_sampler=sampler,
            num_workers=workers,
            pin_memory=pin_memory,
            collate_fn=_as_it_is,
            generator=torch.Generator(),  # else every epoch would draw from the global random state
        )

    def __len__(self) -> int:
        return len(self.sampler)

    def epoch(self, number: int) -> Iterator[tuple[Tensor, Tensor]]:
        """Images (P * K, 3, h, w) and labels (P * K,) of each batch of an epoch."""
        self.images.epoch = number
        self.sampler.set_epoch(number)
        yield from self.loader


def evaluation_batches(split: ImageSplit, transform: Transform, *, batch_size: int = 256) -> Iterator[Tensor]:
    """All images of a split in order, resized for evaluation, (batch_size, 3, h', w') at a time."""
    for chunk in torch.split(split.images, batch_size):
        yield transform(chunk)
