"""Batches of P classes x K images.

Every sampler here is a `batch_sampler` for a DataLoader: DataLoader(images, batch_sampler=GroupSampler(labels, ...)).
The order depends on the seed and on the epoch alone, so it is the same in every process. Each time that a sampler is
iterated over is the next epoch, from 0 on; once `set_epoch` has been called, that alone chooses the epoch, as training
does. Under several ranks all draw the same batches, and each loads its slice of them (`gnn_dml.data.ranks`).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Sampler

from gnn_dml.data.groups import NEEDED, PUBLISHED
from gnn_dml.errors import UserError


class ClassSampler(Sampler[list[int]]):
    """What the samplers share: images by class, seed and epoch.

    Args:
        labels: (N,), the label of each image: numbers or text, in a tensor, an array or a list.
        classes_per_batch: P.
        images_per_class: K.
        seed: Of the order.

    Raises:
        UserError: If P or K is out of range, the data have fewer than P classes, or the labels are no row of labels.

    Example:
        >>> sampler = GroupSampler(["cat", "cat", "dog", "dog"], 2, 2, seed=0)
        >>> [sorted(batch) for batch in sampler]
        [[0, 1, 2, 3]]
    """

    def __init__(self, labels: Any, classes_per_batch: int, images_per_class: int, *, seed: int) -> None:
        for name, value in (("classes_per_batch", classes_per_batch), ("images_per_class", images_per_class)):
            if value < 1:
                raise UserError(f"{name} must be at least 1, not {value}")
        labels = _numbers(labels)
        order = labels.argsort(stable=True)
        counts = torch.unique_consecutive(labels[order], return_counts=True)[1]
        self.classes = list(torch.split(order, counts.tolist()))
        self.p = classes_per_batch
        self.k = images_per_class
        self.seed = seed
        self.epoch = 0
        self._chosen = self._begun = False
        if len(self.classes) < self.p:
            raise UserError(
                f"batches of {self.p} classes were asked for (classes_per_batch), and the data have "
                f"{len(self.classes)} classes"
            )

    def set_epoch(self, epoch: int) -> None:
        """Choose the epoch whose order is drawn from now on."""
        self.epoch = epoch
        self._chosen = True

    def __len__(self) -> int:
        """The batches of this epoch."""
        raise NotImplementedError

    def __iter__(self) -> Iterator[list[int]]:
        self._advance(self._begun)  # the last epoch was broken off
        epoch, self._begun = self.epoch, True
        yield from self._draw(torch.Generator().manual_seed(self.seed * 1_000_003 + epoch))
        self._advance(self.epoch == epoch)

    def _advance(self, over: bool) -> None:
        """Go on to the next epoch if one is over and nobody chooses them."""
        if over and not self._chosen:
            self.epoch += 1
            self._begun = False

    def _draw(self, generator: torch.Generator) -> Iterator[list[int]]:
        """Draw the batches of this epoch, as many as `len` says."""
        raise NotImplementedError


class GroupSampler(ClassSampler):
    """The published P x K sampler.

    In every epoch the images of each class are shuffled and cut into groups of K, all groups are shuffled, and P of
    them make a batch. One class can so appear twice in a batch. The last group of a class that K does not divide is
    filled with other images of that class, repeating them only where the class has fewer than K. Groups that do not
    fill a last batch sit the epoch out. The published code differs in the two ways that the last arguments name.

    Args:
        labels: See `ClassSampler`.
        classes_per_batch: P.
        images_per_class: K.
        seed: Of the order.
        extra_group: Cut a class of n images into floor(max(n, K) / K) + 1 groups instead of ceil(n / K): one more
            where K divides n or n < K. The last is filled from the whole class, so an image can stand twice in it.
        fill_last: Fill the last batch of an epoch with groups of the epoch, drawn at random, instead of leaving out the
            groups that are too few for one.

    Raises:
        UserError: As in `ClassSampler`; or if one of the last two is neither true nor false.
    """

    def __init__(
        self,
        labels: Any,
        classes_per_batch: int,
        images_per_class: int,
        *,
        seed: int,
        extra_group: bool = False,
        fill_last: bool = False,
    ) -> None:
        super().__init__(labels, classes_per_batch, images_per_class, seed=seed)
        for name, value in (("extra_group", extra_group), ("fill_last", fill_last)):
            if not isinstance(value, bool):
                raise UserError(f"{name} must be true or false, not {value!r}")
        self.cut = PUBLISHED if extra_group else NEEDED
        self.fill_last = fill_last

    def _shape(self) -> tuple[int, int]:
        """P and K of this epoch."""
        return self.p, self.k

    def __len__(self) -> int:
        p, k = self._shape()
        groups = sum(self.cut.number(len(members), k) for members in self.classes)
        return -(-groups // p) if self.fill_last else groups // p

    def _draw(self, generator: torch.Generator) -> Iterator[list[int]]:
        p, k = self._shape()
        groups = [group for members in self.classes for group in self.cut.draw(members, k, generator)]
        order = torch.randperm(len(groups), generator=generator).tolist()
        if missing := max(0, len(self) * p - len(order)):
            order += torch.randperm(len(groups), generator=generator)[:missing].tolist()
        for start in range(0, len(self) * p, p):
            yield [index for g in order[start : start + p] for index in groups[g]]


class RedrawnGroupSampler(GroupSampler):
    """`GroupSampler` with P and K redrawn for every epoch, as published for CUB-200-2011 ("NumberSampler").

    They are drawn evenly among all pairs of whole numbers of at least 2 with the product P * K and at most as many
    classes as the data have. Batches keep their number of images; epochs differ a little in their number of batches.

    Arguments as in `GroupSampler`.

    Raises:
        UserError: As in `GroupSampler`; or if there is no such pair, as for a prime number of images.
    """

    def __init__(
        self,
        labels: Any,
        classes_per_batch: int,
        images_per_class: int,
        *,
        seed: int,
        extra_group: bool = False,
        fill_last: bool = False,
    ) -> None:
        super().__init__(
            labels, classes_per_batch, images_per_class, seed=seed, extra_group=extra_group, fill_last=fill_last
        )
        images = self.p * self.k
        most = min(len(self.classes), images // 2)
        self.shapes = [(p, images // p) for p in range(2, most + 1) if images % p == 0]
        if not self.shapes:
            raise UserError(
                f"a batch of {self.p} x {self.k} = {images} images cannot be cut into 2 or more classes of 2 or more "
                "images; choose another product or sampler=groups"
            )

    def _shape(self) -> tuple[int, int]:
        # A generator of its own, so that the length of an epoch is known before its batches are drawn.
        generator = torch.Generator().manual_seed(self.seed * 1_000_003 + self.epoch + 2**40)
        return self.shapes[int(torch.randint(len(self.shapes), (), generator=generator))]


class DistinctSampler(ClassSampler):
    """P distinct classes with K images each in every batch.

    Classes are dealt in rounds: each round shuffles all classes and cuts them into batches of P; classes that do not
    fill a last batch sit the round out. An epoch has as many batches as N images fill, N // (P * K), at least one.
    Through an epoch a class deals its shuffled images round and round: no image comes twice before all others of its
    class have come, and none twice in a batch unless the class has fewer than K.

    Arguments and errors as in `ClassSampler`.
    """

    def __len__(self) -> int:
        return max(1, sum(len(members) for members in self.classes) // (self.p * self.k))

    def _draw(self, generator: torch.Generator) -> Iterator[list[int]]:
        decks = [members[torch.randperm(len(members), generator=generator)].tolist() for members in self.classes]
        dealt = [0] * len(decks)
        left = len(self)
        while left:
            order = torch.randperm(len(decks), generator=generator).tolist()
            for start in range(0, len(order) - self.p + 1, self.p):
                batch = []
                for c in order[start : start + self.p]:
                    batch += [decks[c][(dealt[c] + i) % len(decks[c])] for i in range(self.k)]
                    dealt[c] += self.k
                yield batch
                left -= 1
                if not left:
                    return


def _numbers(labels: Any) -> Tensor:
    """Labels as a tensor (N,), equal ones for equal labels, in their order."""
    try:
        found = labels if isinstance(labels, Tensor) else _numbered(np.asarray(labels))
    except (TypeError, ValueError) as error:
        raise UserError(f"labels must be all numbers or all text, one for each image, not {labels!r:.200}") from error
    if found.dim() != 1:
        raise UserError(f"labels must be one for each image, (n,), and have the shape {tuple(found.shape)}")
    return found


def _numbered(labels: np.ndarray[Any, np.dtype[Any]]) -> Tensor:
    return torch.from_numpy(np.unique(labels, return_inverse=True)[1].reshape(labels.shape).astype(np.int64))
