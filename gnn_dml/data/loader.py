"""Batches from a split: seeded, so the same on every number of workers."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Generic, Literal, TypeVar, get_args

import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from gnn_dml.data.batch import Batch
from gnn_dml.data.images import Images, ImageSplit
from gnn_dml.data.ranks import BatchSampler, Draw, RankSlices
from gnn_dml.data.transforms import Transform
from gnn_dml.data.workers import watch_workers
from gnn_dml.errors import UserError

Index = TypeVar("Index")
T = TypeVar("T")

SeedBy = Literal["batch", "image"]


class Fetched(Dataset["T | str"], Generic[Index, T]):
    """A data set fetched a batch at a time, in whichever process; what a user can put right comes back as its sentence.

    An exception that crosses processes comes out with both their tracebacks in its text.
    """

    def __getitems__(self, indices: list[Index]) -> T | str:
        """The batch of these indices, or the message of a UserError; a DataLoader calls this."""
        try:
            return self.batch(indices)
        except UserError as error:
            return str(error)

    def batch(self, indices: Sequence[Index]) -> T:
        """Load the batch of these indices."""
        raise NotImplementedError


class TrainImages(Fetched[Draw, Batch]):
    """The augmented images of a split, fetched a batch at a time.

    What a batch looks like depends on (seed, epoch, its positions) alone, not on the process that loads it. Seeded by
    image, an image depends on (seed, epoch, its position, how often it has come in the epoch) alone: it looks the same
    in whichever batch or slice of a batch it comes, so that several ranks together see what one process would.

    Args:
        split: The images.
        transform: From one stored image (3, h, w) to an augmented one.
        seed: Of the augmentation.
        seed_by: "batch" seeds once for a batch as it is loaded, "image" anew for each image.

    Raises:
        UserError: If `seed_by` is neither.
    """

    def __init__(self, split: ImageSplit, transform: Transform, *, seed: int, seed_by: SeedBy = "batch") -> None:
        if seed_by not in get_args(SeedBy):
            raise UserError(f"augmentation_seed must be one of {', '.join(get_args(SeedBy))}, not {seed_by!r}")
        self.split = split
        self.transform = transform
        self.seed = seed
        self.seed_by = seed_by
        self.epoch = 0

    def __len__(self) -> int:
        return len(self.split)

    def batch(self, indices: Sequence[Draw]) -> Batch:
        """Load and augment: images (N, 3, h', w'), labels (N,), positions (N,)."""
        positions = [draw.position for draw in indices]
        with torch.random.fork_rng(devices=[]):
            # A tuple of whole numbers has the same hash in every process.
            # The CPU's generator alone: torch.manual_seed would also reseed a GPU's, and with it dropout.
            torch.default_generator.manual_seed(hash((self.seed, self.epoch, *positions)))
            images = torch.stack([self._augment(draw) for draw in indices])
        return Batch(images, self.split.labels[positions], torch.tensor(positions, dtype=torch.long))

    def _augment(self, draw: Draw) -> Tensor:
        if self.seed_by == "image":
            torch.default_generator.manual_seed(hash((self.seed, self.epoch, *draw)))
        return self.transform(self.split.images[draw.position])


class EvaluationImages(Fetched[int, Tensor]):
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

    def batch(self, indices: Sequence[int]) -> Tensor:
        """Load and resize: images (N, 3, h', w')."""
        return torch.stack([self.transform(self.images[index]) for index in indices])


class TrainLoader:
    """The P x K batches of one epoch after another, or under several ranks this rank's slice of each.

    The sampler draws the global batch on every rank, and rank r of W loads the r-th of W parts in a row, of equal size
    to one image. With images seeded by image, the parts together are the batch of one process to the bit; seeded by
    batch, their images are the same and the crops are others.

    Args:
        images: What to draw from.
        sampler: How.
        rank: Which of the ranks this is, from 0.
        world_size: How many ranks there are.
        workers: Processes that load ahead; 0 loads in this one.
        pin_memory: Whether batches are copied to page-locked memory, which a GPU reads faster.

    Raises:
        UserError: If the rank or the number of ranks is out of range.
    """

    def __init__(
        self,
        images: TrainImages,
        sampler: BatchSampler,
        *,
        rank: int = 0,
        world_size: int = 1,
        workers: int = 0,
        pin_memory: bool = False,
    ) -> None:
        self.images = images
        self.sampler = sampler
        slices = RankSlices(sampler, rank=rank, world_size=world_size)
        self.loader = _make_loader(images, slices, workers=workers, pin_memory=pin_memory)

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
        """Images (N, 3, h, w), labels (N,) and positions (N,) of each batch of an epoch; N is P * K on one rank.

        Raises:
            UserError: If an image cannot be read, or a batch has fewer images than there are ranks.
        """
        self.images.epoch = number
        self.sampler.set_epoch(number)
        for batch in watch_workers(self.loader):
            yield _unwrap(batch)


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
    loader = _make_loader(EvaluationImages(images, transform), positions, workers=workers, pin_memory=pin_memory)
    for batch in watch_workers(loader):
        yield _unwrap(batch)


def _make_loader(images: Dataset[Any], batch_sampler: Any, *, workers: int, pin_memory: bool) -> DataLoader[Any]:
    return DataLoader(
        images,
        batch_sampler=batch_sampler,
        num_workers=workers,
        pin_memory=pin_memory,
        collate_fn=_pass_through,
        generator=torch.Generator(),  # else every epoch would draw from the global random state
    )


def _pass_through(batch: Any) -> Any:
    return batch


def _unwrap(batch: T | str) -> T:
    if isinstance(batch, str):
        raise UserError(batch)
    return batch
