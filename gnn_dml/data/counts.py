"""How much of a split can be measured on: its images, its classes, and the queries that have something to find."""

from __future__ import annotations

import hashlib
from typing import NamedTuple

import torch

from gnn_dml.data.images import ImageSplit


class SplitCounts(NamedTuple):
    """What a split holds.

    Attributes:
        images: All of them.
        classes: Likewise.
        queries: Images that are looked up: all, or where queries and gallery are apart, the queries.
        answered: Queries that have an image of their class to find; retrieval is over these.
    """

    images: int
    classes: int
    queries: int
    answered: int


def count_split(split: ImageSplit) -> SplitCounts:
    """The counts of a split.

    >>> import torch
    >>> from gnn_dml.data import ImageSplit
    >>> images = torch.zeros(4, 3, 2, 2, dtype=torch.uint8)
    >>> count_split(ImageSplit(images, torch.tensor([0, 0, 1, 2]), ("a", "b", "c"), ("0", "1", "2", "3")))
    SplitCounts(images=4, classes=3, queries=4, answered=2)
    """
    labels, query = split.labels, split.query
    if query is None:
        answers = torch.bincount(labels, minlength=split.num_classes) - 1
        return SplitCounts(len(split), split.num_classes, len(split), int((answers[labels] > 0).sum()))
    answers = torch.bincount(labels[~query], minlength=split.num_classes)
    return SplitCounts(len(split), split.num_classes, int(query.sum()), int((answers[labels[query]] > 0).sum()))


def hash_split(split: ImageSplit) -> str:
    """Twelve digits of the checksum of what a split is asked: names, classes and sides of its images, in order."""
    found = hashlib.sha256()
    sides = [""] * len(split) if split.query is None else ["query" if side else "gallery" for side in split.query]
    for name, label, side in zip(split.image_names, split.labels.tolist(), sides, strict=True):
        text = "\0".join((name, split.class_names[label], side))
        found.update(text.encode(errors="surrogateescape") + b"\n")
    return found.hexdigest()[:12]
