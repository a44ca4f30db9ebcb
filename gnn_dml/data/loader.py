"""Batches from a split: seeded per batch, so the same on every number of workers."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Generic, Protocol, TypeVar

import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from gnn_dml.data.batch import Batch
from gnn_dml.data.images import Images, ImageSplit
from gnn_dml.data.transforms import Transform
from gnn_dml.errors import UserError

T = TypeVar("T")


class BatchSampler(Protocol):
    """Positions of one batch after another; `gnn_dml.data.sampler` has those of the configuration."""

    def set_epoch(self, epoch: int) -> None:
        """Choose the epoch whose order is drawn next."""
        ...

    def __len__(self) -> int:
        """Batches of that epoch."""
        ...

    def __iter__(self) -> Iterator[list[int]]:
        """The positions of each batch."""
        ...


class Fetched(Dataset["T | str"], Generic[T]):
    """A data set fetched a batch at a time, in whichever process; what a user can put right comes back as its sentence.

    An exception that crosses processes comes out with both their tracebacks in its text.
    """

    def __getitems__(self, indices: list[int]) -> T | str:
        """The batch at these positions, or the message of a UserError; a DataLoader calls this."""
        try:
            return self.batch(indices)
        except UserError as error:
            return str(error)

    def batch(self, indices: list[int]) -> T:
        """The batch at these positions."""
        raise NotImplementedError


class TrainImages(Fetched[Batch]):
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

    def batch(self, indices: list[int]) -> Batch:
        """Images (N, 3, h', w'), labels (N,) and positions (N,)."""
        with torch.random.fork_rng(devices=[]):
            # A tuple of whole numbers has the same hash in every process.
            # The CPU's generator alone: torch.manual_seed would also reseed a GPU's, and with it dropout.
            torch.default_generator.manual_seed(hash((self.seed, self.epoch, *indices)))
            images = torch.stack([self.transform(self.split.images[index]) for index in indices])
        return Batch(images, self.split.labels[indices], torch.tensor(indices))


class EvaluationImages(Fetched[Tensor]):
    """Images resized for evaluation, fetched a batch at a time.

    Args:
        images: Of any sizes.
        transform: To images of one size.
    """

    def __init__(self, images: Images, transform: Transform) -> None:
        self.images = images
        self.transform = transform

    def __len__(self) -> int:
        return len(self.images)

    def batch(self, indices: list[int]) -> Tensor:
        """Images (N, 3, h', w')."""
        return torch.stack([self.transform(self.images[index]) for index in indices])


class TrainLoader:
    """The P x K batches of one epoch after another.

    Args:
        images: What to draw from.
        sampler: How.
        workers: Processes that load ahead; 0 loads in this one.
        pin_memory: Whether batches are copied to page-locked memory, which a GPU reads faster.
    """

    def __init__(
        self, images: TrainImages, sampler: BatchSampler, *, workers: int = 0, pin_memory: bool = False
    ) -> None:
        self.images = images
        self.sampler = sampler
        self.loader = _loader(images, batch_sampler=sampler, workers=workers, pin_memory=pin_memory)

    def __len__(self) -> int:
        return len(self.sampler)

    def steps(self, epochs: int) -> int:
        """Batches of the epochs 1 .. `epochs` together; a sampler may have more of them in one than in another."""
        present = self.images.epoch
        total = 0
        for epoch in range(1, epochs + 1):
            self.sampler.set_epoch(epoch)
            total += len(self.sampler)
        self.sampler.set_epoch(present)
        return total

    def epoch(self, number: int) -> Iterator[Batch]:
        """The batches of an epoch, of P * K images each.

        Raises:
            UserError: If an image cannot be read.
        """
        self.images.epoch = number
        self.sampler.set_epoch(number)
        for batch in self.loader:
            yield _checked(batch)


def evaluation_batches(
    images: Images, transform: Transform, *, batch_size: int = 256, workers: int = 0, pin_memory: bool = False
) -> Iterator[Tensor]:
    """All images in order, resized for evaluation, (batch_size, 3, h', w') at a time.

    Raises:
        UserError: If an image cannot be read.
    """
    if isinstance(images, Tensor):
        for chunk in torch.split(images, batch_size):
            yield transform(chunk)
        return
    positions = [chunk.tolist() for chunk in torch.split(torch.arange(len(images)), batch_size)]
    for batch in _loader(EvaluationImages(images, transform), positions, workers=workers, pin_memory=pin_memory):
        yield _checked(batch)


def _loader(images: Dataset[Any], batch_sampler: Any, *, workers: int, pin_memory: bool) -> DataLoader[Any]:
    return DataLoader(
        images,
        batch_sampler=batch_sampler,
        num_workers=workers,
        pin_memory=pin_memory,
        collate_fn=_as_it_is,
        generator=torch.Generator(),  # else every epoch would draw from the global random state
    )


def _as_it_is(batch: Any) -> Any:
    return batch


def _checked(batch: T | str) -> T:
    if isinstance(batch, str):
        raise UserError(batch)
    return batch
