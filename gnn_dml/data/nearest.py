"""Batches of classes that are hard to tell apart, with strangers beside: like the neighbourhood of a test image."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor
from torch.nn.functional import normalize

from gnn_dml.data.sampler import ClassSampler
from gnn_dml.errors import UserError


class NearestSampler(ClassSampler):
    """P distinct classes with K images each, part of them the nearest to the first, and single images of other classes.

    Through an epoch every class is the first of a batch in turn. `near` of the other P - 1 are the classes whose
    prototypes have the highest cosine with its own; the rest are drawn at random. Prototypes are what `show` was given
    last, in training the rows of the backbone's classifier at the start of an epoch; before, all P are drawn at random.
    The distractors are one image each of further classes. An epoch has as many batches as N images fill, at least one.

    Args:
        labels: See `ClassSampler`.
        classes_per_batch: P.
        images_per_class: K.
        seed: Of the order.
        near: Share of the P - 1 classes that are the nearest, in [0, 1].
        distractors: Single images besides, at least 0.

    Raises:
        UserError: As in `ClassSampler`; or if `near` or `distractors` is out of range, or there are fewer classes than
            P and the distractors need.
    """

    def __init__(
        self,
        labels: Tensor,
        classes_per_batch: int,
        images_per_class: int,
        *,
        seed: int,
        near: float = 0.5,
        distractors: int = 0,
    ) -> None:
        super().__init__(labels, classes_per_batch, images_per_class, seed=seed)
        if not 0 <= near <= 1:
            raise UserError(f"sampler.near must be in [0, 1], not {near!r}")
        if not distractors >= 0:
            raise UserError(f"sampler.distractors must be at least 0, not {distractors!r}")
        if self.p + distractors > len(self.classes):
            raise UserError(
                f"batches of {self.p} classes and {distractors} distractors of other classes were asked for "
                f"(sampler.distractors), and the data have {len(self.classes)} classes"
            )
        self.near = round(near * (self.p - 1))
        self.distractors = distractors
        self.cosines: Tensor | None = None

    def __len__(self) -> int:
        images = sum(len(members) for members in self.classes)
        return max(1, images // (self.p * self.k + self.distractors))

    def show(self, prototypes: Tensor) -> None:
        """Take the directions of the classes, in the order of their labels: (C, D)."""
        if prototypes.size(0) != len(self.classes):
            raise ValueError(f"{prototypes.size(0)} prototypes for {len(self.classes)} classes")
        x = normalize(prototypes.detach().double().cpu(), dim=1)
        self.cosines = x @ x.mT

    def _draw(self, generator: torch.Generator) -> Iterator[list[int]]:
        decks = [members[torch.randperm(len(members), generator=generator)].tolist() for members in self.classes]
        dealt = [0] * len(decks)
        firsts: list[int] = []
        for _ in range(len(self)):
            if not firsts:
                firsts = torch.randperm(len(decks), generator=generator).tolist()
            chosen = self._classes(firsts.pop(), generator)
            batch = []
            for number, c in enumerate(chosen):
                taken = self.k if number < self.p else 1
                batch += [decks[c][(dealt[c] + i) % len(decks[c])] for i in range(taken)]
                dealt[c] += taken
            yield batch

    def _classes(self, first: int, generator: torch.Generator) -> list[int]:
        """The classes of a batch, distractors last."""
        near: list[int] = []
        if self.cosines is not None and self.near:
            row = self.cosines[first].clone()
            row[first] = torch.inf  # also where another class has the same prototype
            near = row.argsort(descending=True, stable=True)[1 : self.near + 1].tolist()
        held = {first, *near}
        others = [c for c in torch.randperm(len(self.classes), generator=generator).tolist() if c not in held]
        return [first, *near, *others[: self.p - 1 - len(near) + self.distractors]]
