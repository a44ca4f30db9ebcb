"""Batches of P classes x K images, drawn as the published code draws them."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor
from torch.utils.data import Sampler

from gnn_dml.errors import UserError


class GroupSampler(Sampler[list[int]]):
    """The published P x K sampler, a `batch_sampler` for a DataLoader.

    In every epoch the images of each class are shuffled and cut into groups of K, all groups are shuffled, and P of
    them make a batch. One class can so appear twice in a batch. The last group of a class that K does not divide is
    filled with other images of that class, repeating them only where the class has fewer than K. Groups that do not
    fill a last batch sit the epoch out.

    The order depends on the seed and on the epoch (`set_epoch`) alone.

    Args:
        labels: (N,), the label of each image.
        classes_per_batch: P.
        images_per_class: K.
        seed: Of the order.

    Raises:
        UserError: If P or K is below 1, or the data give no full batch.
    """

    def __init__(self, labels: Tensor, classes_per_batch: int, images_per_class: int, *, seed: int) -> None:
        for name, value in (("classes_per_batch", classes_per_batch), ("images_per_class", images_per_class)):
            if value < 1:
                raise UserError(f"{name} must be at least 1, not {value}")
        self.classes = [(labels == label).nonzero().squeeze(1) for label in torch.unique(labels)]
        self.p = classes_per_batch
        self.k = images_per_class
        self.seed = seed
        self.epoch = 0
        if len(self.classes) < self.p:
            raise UserError(
                f"batches of {self.p} classes were asked for (classes_per_batch), and the data have "
                f"{len(self.classes)} classes"
            )

    def set_epoch(self, epoch: int) -> None:
        """Choose the epoch whose order is drawn next."""
        self.epoch = epoch

    def __len__(self) -> int:
        return sum(-(-len(members) // self.k) for members in self.classes) // self.p

    def __iter__(self) -> Iterator[list[int]]:
        generator = torch.Generator().manual_seed(self.seed * 1_000_003 + self.epoch)
        groups = [group for members in self.classes for group in self._groups(members, generator)]
        order = torch.randperm(len(groups), generator=generator).tolist()
        for start in range(0, len(self) * self.p, self.p):
            yield [index for g in order[start : start + self.p] for index in groups[g]]

    def _groups(self, members: Tensor, generator: torch.Generator) -> list[list[int]]:
        shuffled = members[torch.randperm(len(members), generator=generator)].tolist()
        missing = -len(shuffled) % self.k
        # Filling from the front, round and round, repeats nobody inside the last group unless the class is too small.
        filled = shuffled + (shuffled * (1 + missing // len(shuffled)))[:missing]
        return [filled[i : i + self.k] for i in range(0, len(filled), self.k)]
