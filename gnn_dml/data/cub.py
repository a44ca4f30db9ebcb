"""CUB-200-2011: 11,788 photographs of 200 kinds of birds."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

from gnn_dml.data.images import BOTH, ImageDataset
from gnn_dml.data.records import Published, Record, assemble, find_home, parse_number, read_rows
from gnn_dml.errors import UserError

CLASSES, TRAIN_CLASSES = 200, 100
PUBLISHED = Published("CUB-200-2011", {"train": (5864, 100), "test": (5924, 100)})


def read_cub(root: str | Path, *, strict: bool = True, need: Collection[str] = BOTH) -> ImageDataset:
    """Read CUB-200-2011 in its archive's layout: classes 1 to 100 to train on, 101 to 200 to test on.

    The archive's own `train_test_split.txt` is one for classification and is not used. Images keep the order of
    `images.txt`.

    Args:
        root: The folder `CUB_200_2011` of the archive, or the one that holds it.
        strict: Whether the published counts are required.
        need: Splits that have to be there, "train" or "test"; images of the others are not looked for.

    Raises:
        UserError: If a file is missing or malformed, or the counts differ; the message names it.
    """
    folder = find_home(root, "CUB_200_2011", "images.txt", "cub")
    labels_file, names_file = folder / "image_class_labels.txt", folder / "classes.txt"
    images_file = folder / "images.txt"
    labels: dict[str, int] = {}
    for line, (image, label) in read_rows(labels_file, 2):
        number = parse_number(labels_file, line, label, 1, CLASSES)
        if labels.setdefault(image, number) != number:
            raise UserError(f"{labels_file}, line {line}: the image {image} has the class {labels[image]} already")
    names = {
        parse_number(names_file, line, label, 1, CLASSES): name for line, (label, name) in read_rows(names_file, 2)
    }
    records = []
    for line, (image, path) in read_rows(images_file, 2):
        if image not in labels or labels[image] not in names:
            raise UserError(
                f"{images_file}, line {line}: the image {image} has no class in {labels_file.name} or its "
                f"class no name in {names_file.name}"
            )
        role = "train" if labels[image] <= TRAIN_CLASSES else "test"
        records.append(Record(f"images/{path}", names[labels[image]], role, f"{images_file}, line {line}"))
    return assemble(folder, records, PUBLISHED, strict=strict, need=need)
