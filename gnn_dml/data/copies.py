"""Images of a data set that are copies of one another: a test half with copies of training images measures nothing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from gnn_dml.data.images import TEST_ROLES, ImageDataset


@dataclass(frozen=True)
class Copies:
    """How many images have the content of another file.

    Attributes:
        across_halves: Test images that are training or validation images too.
        across_sides: Queries that stand in the gallery too: each finds itself.
        across_classes: Images that stand in another class too, in the same half.
        in_class: Images that come more than once in their class; each counts once less than it comes.
        examples: For each of these that is not zero, two names.
    """

    across_halves: int = 0
    across_sides: int = 0
    across_classes: int = 0
    in_class: int = 0
    examples: tuple[tuple[str, str], ...] = ()

    def sentences(self) -> list[str]:
        """One for each kind that there is."""
        kinds = (
            (self.across_halves, "copies of training images among the test images"),
            (self.across_sides, "copies of gallery images among the queries"),
            (self.across_classes, "copies of images in another class"),
            (self.in_class, "copies of images in the same class"),
        )
        present = [(count, what) for count, what in kinds if count]
        return [
            f"{what}: {count:,}, for instance {one} and {other}"
            for (count, what), (one, other) in zip(present, self.examples, strict=True)
        ]


def find_copies(dataset: ImageDataset, digests: Sequence[bytes]) -> Copies:
    """Compare the images of a data set by content.

    Args:
        dataset: N images.
        digests: A checksum of each file's content (N,), or none at all for images that are no files; an empty one is
            of an image that is left out.
    """
    first: dict[bytes, int] = {}
    counts, examples = [0] * 4, [("", "")] * 4
    labels = dataset.labels.tolist()
    # Training images first, queries last, so that a copy meets the image that it must not be.
    present = [i for i, digest in enumerate(digests) if digest]
    for i in sorted(present, key=lambda i: (dataset.roles[i] in TEST_ROLES) + (dataset.roles[i] == "query")):
        j = first.setdefault(digests[i], i)
        if j == i:
            continue
        halves = [dataset.roles[at] in TEST_ROLES for at in (i, j)]
        apart = halves[0] and dataset.roles[i] != dataset.roles[j]
        kind = 0 if halves[0] != halves[1] else 1 if apart else 2 if labels[i] != labels[j] else 3
        counts[kind] += 1
        if counts[kind] == 1:
            examples[kind] = (dataset.image_names[j], dataset.image_names[i])
    shown = tuple(example for count, example in zip(counts, examples, strict=True) if count)
    return Copies(counts[0], counts[1], counts[2], counts[3], shown)
