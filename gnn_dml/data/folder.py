"""Any folder of images: a folder per class."""

from __future__ import annotations

import os
import re
from pathlib import Path

from gnn_dml.data.images import ROLES, ImageDataset
from gnn_dml.data.records import Record, make_dataset
from gnn_dml.errors import UserError
from gnn_dml.prepare.suffixes import IMAGE_SUFFIXES, is_image_name


def read_folder(root: str | Path, *, test_share: float = 0.5) -> ImageDataset:
    """Read images whose folder is their class.

    Either `root` holds a folder per class; the last half of the classes, in natural order ("class 2" before "class
    10"), is then for testing, as in the usual benchmarks. Or it holds the folders `train` and `test` (perhaps `val`;
    `query` and `gallery` in the place of `test`), which hold a folder per class.

    Images lie anywhere below the folder of their class, known by their suffix; other files, and names that begin with a
    dot, are passed over, and so is a class without images.

    Args:
        root: The folder.
        test_share: Of the classes, where the folder names no splits.

    Raises:
        UserError: If there is no such folder, or fewer than two classes; if a class is in training and in test.
    """
    folder = Path(root)
    if not folder.is_dir():
        raise UserError(f"dataset.root={root} must be a folder with a folder per class")
    tops = _folders(folder)
    if tops and set(tops) <= set(ROLES):
        records = [
            Record(path, label, role)
            for role in ROLES
            if role in tops
            for label in _folders(folder / role)
            for path in _images(folder, f"{role}/{label}")
        ]
    else:
        found = {label: _images(folder, label) for label in tops}
        roles = assign_roles([label for label in tops if found[label]], test_share, f"dataset.root={root}")
        records = [Record(path, label, roles[label]) for label in tops for path in found[label]]
    if not records:
        raise UserError(f"dataset.root={root} holds no images in folders; suffixes are {', '.join(IMAGE_SUFFIXES)}")
    return make_dataset(folder, records, f"dataset.root={root}")


def assign_roles(labels: list[str], test_share: float, where: str) -> dict[str, str]:
    """Train or test for each class, the last ones test; at least one class each.

    Raises:
        UserError: If there are fewer than two classes, or the share is out of range.
    """
    if not 0 < test_share < 1:
        raise UserError(f"dataset.test_share must be above 0 and below 1, not {test_share}")
    if len(labels) < 2:
        raise UserError(
            f"{where} has {len(labels)} classes with images, and 2 or more are needed: to train and to test"
        )
    test = min(len(labels) - 1, max(1, round(test_share * len(labels))))
    return {label: "train" if i < len(labels) - test else "test" for i, label in enumerate(labels)}


def natural_key(name: str) -> list[tuple[int, int, str]]:
    """A key under which numbers inside names go by their value."""
    parts = re.findall(r"\d+|\D+", name)
    return [(0, int(part), "") if part.isdecimal() else (1, 0, part) for part in parts]


def _folders(folder: Path) -> list[str]:
    """The names of the folders inside, in natural order."""
    with os.scandir(folder) as entries:
        names = [entry.name for entry in entries if entry.is_dir() and not entry.name.startswith(".")]
    return sorted(names, key=lambda name: (natural_key(name), name))


def _images(folder: Path, top: str) -> list[str]:
    """The images below `folder`/`top`, relative to `folder`, in natural order."""
    found = []
    for base, inner, names in os.walk(folder / top):
        inner[:] = [name for name in inner if not name.startswith(".")]
        prefix = Path(base).relative_to(folder).as_posix()
        found += [f"{prefix}/{name}" for name in names if is_image_name(name)]
    return sorted(found, key=lambda name: (natural_key(name), name))
