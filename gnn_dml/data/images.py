"""What a data set is to the rest of the package: labelled images with roles, cut into splits of disjoint classes.

Legend: N images, C classes, h x w pixels, which may differ from image to image.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Protocol, cast, runtime_checkable

import torch
from torch import Tensor
from torch.utils.data import ConcatDataset, Dataset, Subset

from gnn_dml.data.found import Found
from gnn_dml.errors import UserError

SPLITS = ("train", "val", "test")
ROLES = ("train", "val", "test", "query", "gallery")
"""What an image is for; the last three make the test split, and "query" and "gallery" keep its two sides apart."""

TEST_ROLES = ("test", "query", "gallery")

BOTH = ("train", "test")
"""The splits that a training needs."""


def roles_needed(need: Collection[str]) -> frozenset[str]:
    """The roles of the images that some splits are made of; validation classes may be held out of the training half.

    Args:
        need: Some of `SPLITS`.

    Raises:
        ValueError: If there are none, or one is no split.
    """
    if not need or not set(need) <= set(SPLITS):
        raise ValueError(f"need must be some of {', '.join(SPLITS)}, not {', '.join(need) or 'none'}")
    half = ("train", "val") if {"train", "val"} & set(need) else ()
    return frozenset((*half, *(TEST_ROLES if "test" in need else ())))


class Images(Protocol):
    """N stored images, read one at a time; a tensor (N, 3, h, w) is one."""

    def __len__(self) -> int:
        """N."""
        ...

    def __getitem__(self, index: int, /) -> Tensor:
        """One image, uint8 (3, h, w); UserError if it cannot be read."""
        ...


@dataclass(frozen=True)
class ImageSplit:
    """The images of one split.

    Attributes:
        images: N images.
        labels: long (N,), 0 .. C - 1 within the split, every class present.
        class_names: C names.
        image_names: N names, unique in the data set.
        query: bool (N,), which images are queries; the others are the gallery that queries are looked up in. None where
            every image is looked up among all others.
    """

    images: Images
    labels: Tensor
    class_names: tuple[str, ...]
    image_names: tuple[str, ...]
    query: Tensor | None = None

    def __len__(self) -> int:
        return len(self.labels)

    @property
    def num_classes(self) -> int:
        """C."""
        return len(self.class_names)


@dataclass(frozen=True)
class ImageDataset:
    """All images of a data set, each with its role.

    Args:
        images: N images.
        labels: long (N,), 0 .. C - 1.
        class_names: C names.
        image_names: N names.
        roles: N words of `ROLES`.
        found: How the images were found on the disk, and what was left.

    Raises:
        UserError: If a class has images in training and in test, or in train and in val; the message names it.
        ValueError: If lengths differ or a role is unknown.
    """

    images: Images
    labels: Tensor
    class_names: tuple[str, ...]
    image_names: tuple[str, ...]
    roles: tuple[str, ...]
    found: Found = field(default_factory=Found)

    def __post_init__(self) -> None:
        lengths = {len(self.images), len(self.labels), len(self.image_names), len(self.roles)}
        if len(lengths) != 1:
            raise ValueError(f"images, labels, image_names and roles must be equally long, not {sorted(lengths)}")
        unknown = set(self.roles) - set(ROLES)
        if unknown:
            raise ValueError(f"a role must be one of {', '.join(ROLES)}, not {min(unknown)!r}")
        parts = {role: "test" if role in TEST_ROLES else role for role in ROLES}
        seen: dict[int, str] = {}
        for label, role in zip(self.labels.tolist(), self.roles, strict=True):
            part = seen.setdefault(label, parts[role])
            if part != parts[role]:
                raise UserError(
                    f"the class {self.class_names[label]!r} has images in {part} and in {parts[role]}: "
                    "the classes of two splits must differ"
                )

    def __len__(self) -> int:
        return len(self.labels)

    @property
    def passed_over(self) -> Mapping[str, int]:
        """How many files and folders the reader has passed over, by reason."""
        return self.found.passed_over

    def split(self, name: str) -> ImageSplit:
        """The split `name`: one of "train", "val", "test".

        Raises:
            UserError: If there is no image in it.
        """
        if name not in SPLITS:
            raise ValueError(f"a split must be one of {', '.join(SPLITS)}, not {name!r}")
        wanted = TEST_ROLES if name == "test" else (name,)
        index = [i for i, role in enumerate(self.roles) if role in wanted]
        if not index:
            held = Counter("test" if role in TEST_ROLES else role for role in self.roles)
            raise UserError(
                f"the data set has no images in the split {name!r}; it has "
                + (", ".join(f"{count} in {part}" for part, count in held.items()) or "no images at all")
            )
        originals, labels = torch.unique(self.labels[index], return_inverse=True)
        roles = [self.roles[i] for i in index]
        apart = "query" in roles or "gallery" in roles
        return ImageSplit(
            images=_subset(self.images, index),
            labels=labels,
            class_names=tuple(self.class_names[label] for label in originals.tolist()),
            image_names=tuple(self.image_names[i] for i in index),
            query=torch.tensor([role == "query" for role in roles]) if apart else None,
        )

    def only(self, index: Sequence[int]) -> ImageDataset:
        """The images at these positions; classes that have none left keep their name and number."""
        return replace(
            self,
            images=_subset(self.images, index),
            labels=self.labels[list(index)],
            image_names=tuple(self.image_names[i] for i in index),
            roles=tuple(self.roles[i] for i in index),
        )

    def with_images(self, images: Images) -> ImageDataset:
        """The same data set with its images read another way."""
        return replace(self, images=images)

    def with_roles(self, roles: Sequence[str]) -> ImageDataset:
        """The same images with other roles."""
        return replace(self, roles=tuple(roles))


def join(splits: list[ImageSplit]) -> ImageSplit:
    """Several splits as one, labels renumbered in order; their classes are disjoint."""
    if len(splits) == 1:
        return splits[0]
    offsets = [sum(split.num_classes for split in splits[:i]) for i in range(len(splits))]
    images: ConcatDataset[Any] = ConcatDataset([cast("Dataset[Any]", split.images) for split in splits])
    return ImageSplit(
        images=cast("Images", images),
        labels=torch.cat([split.labels + offset for split, offset in zip(splits, offsets, strict=True)]),
        class_names=tuple(name for split in splits for name in split.class_names),
        image_names=tuple(name for split in splits for name in split.image_names),
    )


@runtime_checkable
class Selectable(Protocol):
    """Images that know how to be fewer."""

    def only(self, index: Sequence[int]) -> Images:
        """The images at these positions."""
        ...


def _subset(images: Images, index: Sequence[int]) -> Images:
    if isinstance(images, Tensor):
        return cast("Images", images[list(index)])
    if isinstance(images, Selectable):
        return images.only(index)
    part: Subset[Any] = Subset(cast("Dataset[Any]", images), list(index))
    return cast("Images", part)
