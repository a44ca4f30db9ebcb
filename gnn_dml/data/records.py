"""From the lists in an archive to a data set: what the readers of the benchmarks share."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import torch

from gnn_dml.data.files import ImageFiles
from gnn_dml.data.images import TEST_ROLES, ImageDataset
from gnn_dml.errors import UserError
from gnn_dml.text import show_name

SHOWN = 5
"""Names that a message lists before it says how many more there are."""


class Record(NamedTuple):
    """One image of a data set.

    Attributes:
        path: Relative to the folder of the images, with forward slashes.
        label: Of its class.
        role: One of `gnn_dml.data.images.ROLES`.
    """

    path: str
    label: str
    role: str


class Published(NamedTuple):
    """What a benchmark holds according to its authors.

    Attributes:
        name: Of the benchmark.
        counts: Images and classes by role.
    """

    name: str
    counts: Mapping[str, tuple[int, int]]


def find_home(root: str | Path, inner: str, marker: str, name: str) -> Path:
    """The folder of a data set: `root` itself, or `root`/`inner`, whichever holds the file `marker`.

    Raises:
        UserError: If neither does.
    """
    folders = (Path(root), Path(root) / inner)
    for folder in folders:
        if (folder / marker).is_file():
            return folder
    raise UserError(
        f"dataset.root={root} holds no {marker} (nor does its folder {inner}); "
        f"'gnn-dml data prepare {name}' says how to get the data set"
    )


def read_rows(path: Path, fields: int, *, skip: int = 0) -> Iterator[tuple[int, list[str]]]:
    """The lines of a text file as (line number, words); empty lines are passed over.

    Args:
        path: The file.
        fields: Words of a line; the last one may hold blanks.
        skip: Lines at the top to leave out.

    Raises:
        UserError: If the file cannot be read, or a line has fewer words; the message names file and line.
    """
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"cannot read {path}: {error}") from error
    for number, line in enumerate(lines, start=1):
        if number <= skip or not line.strip():
            continue
        words = line.split(maxsplit=fields - 1)
        if len(words) != fields:
            raise UserError(f"{path}, line {number}: {fields} words are expected, not {line.strip()!r}")
        yield number, [word.strip() for word in words]


def parse_number(path: Path, line: int, word: str, least: int, most: int) -> int:
    """A whole number in a file, checked.

    Raises:
        UserError: If it is none or out of range; the message names file, line and value.
    """
    if not word.isdecimal() or not least <= int(word) <= most:
        raise UserError(f"{path}, line {line}: a whole number from {least} to {most} is expected, not {word!r}")
    return int(word)


def assemble(
    folder: Path, records: Sequence[Record], published: Published | None = None, *, strict: bool = True
) -> ImageDataset:
    """Check that the images are there, as many as published, and make the data set of them.

    Args:
        folder: Of the images.
        records: In the order of the data set.
        published: Counts to hold them against, or None.
        strict: Whether missing files and other counts are an error. If not, missing files are left out.

    Raises:
        UserError: If they are; or as in `make_dataset`.
    """
    present = _files(folder, {record.path.partition("/")[0] for record in records})
    missing = [record.path for record in records if record.path not in present]
    left = [record for record in records if record.path in present]
    name = "the data set" if published is None else published.name
    wrong = [] if published is None else _wrong_counts(published, left)
    if strict and (missing or wrong):
        said = [*wrong]
        if missing:
            more = f" and {len(missing) - SHOWN} more" if len(missing) > SHOWN else ""
            said.append(f"{len(missing)} of {len(records)} files are missing: {', '.join(missing[:SHOWN])}{more}")
        raise UserError(
            f"{name} in {folder} is not whole: {'; '.join(said)}; dataset.strict=false (data verify: --subset) takes "
            "what is there"
        )
    return make_dataset(folder, left, f"{name} in {folder}")


def make_dataset(folder: Path, records: Sequence[Record], where: str) -> ImageDataset:
    """The data set of images that are known to be there; classes are numbered in the order of the records.

    Args:
        folder: That paths are relative to.
        records: In the order of the data set.
        where: For messages.

    Raises:
        UserError: If there is no training or no test image, if no test image has another of its class to find, or if a
            class is in both halves.
    """
    for part, wanted in (("training", ("train", "val")), ("test", TEST_ROLES)):
        if not any(record.role in wanted for record in records):
            raise UserError(f"{where} has no {part} images; it has {len(records)} images in all")
    numbers = {label: i for i, label in enumerate(dict.fromkeys(record.label for record in records))}
    dataset = ImageDataset(
        images=ImageFiles([folder / record.path for record in records]),
        labels=torch.tensor([numbers[record.label] for record in records]),
        class_names=tuple(map(show_name, numbers)),
        image_names=tuple(show_name(record.path) for record in records),
        roles=tuple(record.role for record in records),
    )
    _check_test(records, where)
    return dataset


def _check_test(records: Sequence[Record], where: str) -> None:
    """Refuse a test half that no Recall could be measured on."""
    queries = {record.label for record in records if record.role == "query"}
    others = Counter(record.label for record in records if record.role in ("test", "gallery"))
    if not queries and not any(record.role == "gallery" for record in records):
        if max(others.values()) < 2:
            raise UserError(f"{where} has one test image of each class, so none has another of its class to find")
    elif not queries & set(others):
        raise UserError(f"{where} has no query with an image of its class in the gallery")


def _wrong_counts(published: Published, records: Sequence[Record]) -> list[str]:
    """A sentence for each role whose counts differ."""
    wrong = []
    for role, (images, classes) in published.counts.items():
        labels = [record.label for record in records if record.role == role]
        if (len(labels), len(set(labels))) != (images, classes):
            wrong.append(
                f"{role} has {len(labels)} images of {len(set(labels))} classes, and {images} of {classes} are expected"
            )
    return wrong


def _files(folder: Path, tops: set[str]) -> set[str]:
    """All files below some folders, relative to `folder`, with forward slashes: one walk, no look at each file."""
    found: set[str] = set()
    for top in tops:
        if (folder / top).is_file():
            found.add(top)
        for base, _, names in os.walk(folder / top):
            prefix = Path(base).relative_to(folder).as_posix()
            found.update(f"{prefix}/{name}" for name in names)
    return found
