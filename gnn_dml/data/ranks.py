"""One batch over several processes: every rank draws the same global batch and loads its own slice of it.

So the batches of W ranks, one behind the other, are the batches of one process, whatever the sampler; and what a rank
loads does not depend on what the others do.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import NamedTuple, Protocol, TypeVar, runtime_checkable

from torch import Tensor

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


@runtime_checkable
class DrawsByPrototypes(Protocol):
    """A sampler that draws by how near classes are; the trainer shows it their directions before every epoch."""

    def show(self, prototypes: Tensor) -> None:
        """Take the directions of the classes, in the order of their labels: (C, D)."""
        ...


class Draw(NamedTuple):
    """One image of a batch.

    Attributes:
        position: In the split.
        repeat: How often the image has come before in the epoch, on all ranks together.
    """

    position: int
    repeat: int


class RankSlices:
    """The slices of one rank, for a DataLoader in the place of the sampler.

    Args:
        sampler: Of the global batches, the same on every rank.
        rank: Which of the ranks this is, from 0.
        world_size: W, how many ranks there are.

    Raises:
        UserError: If the rank or W is out of range; while iterating, if a batch has fewer than W images.
    """

    def __init__(self, sampler: BatchSampler, *, rank: int = 0, world_size: int = 1) -> None:
        if world_size < 1:
            raise UserError(f"world_size must be at least 1, not {world_size}")
        if not 0 <= rank < world_size:
            raise UserError(f"rank must be at least 0 and below world_size={world_size}, not {rank}")
        self.sampler = sampler
        self.rank = rank
        self.world_size = world_size

    def __len__(self) -> int:
        """Batches of the epoch, as many on every rank."""
        return len(self.sampler)

    def __iter__(self) -> Iterator[list[Draw]]:
        seen: Counter[int] = Counter()
        for batch in self.sampler:
            draws = []
            for position in batch:
                draws.append(Draw(position, seen[position]))
                seen[position] += 1
            yield slice_batch(draws, self.rank, self.world_size)


def slice_batch(batch: Sequence[T], rank: int, world_size: int) -> list[T]:
    """Cut a batch into `world_size` parts in a row and take one, as `numpy.array_split` does.

    The first N mod W parts have one image more than the others.

    Raises:
        UserError: If there are fewer images than parts.
    """
    if len(batch) < world_size:
        raise UserError(f"a batch of {len(batch)} images cannot be cut over world_size={world_size} processes")
    size, larger = divmod(len(batch), world_size)
    start = rank * size + min(rank, larger)
    return list(batch[start : start + size + (rank < larger)])
