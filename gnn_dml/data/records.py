"""From the lists in an archive to a data set: what the readers of the benchmarks share."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import torch

from gnn_dml.data.files import ImageFiles
from gnn_dml.data.found import Found, PassedOver
from gnn_dml.data.images import BOTH, TEST_ROLES, ImageDataset, roles_needed
from gnn_dml.errors import UserError
from gnn_dml.prepare.formats import is_image_name
from gnn_dml.prepare.lists import read_lines
from gnn_dml.prepare.look import is_file, is_folder
from gnn_dml.prepare.walk import walk
from gnn_dml.text import show_name

SHOWN = 5
"""Names that a message lists before it says how many more there are."""


class Record(NamedTuple):
    """One image of a data set.

    Attributes:
        path: Relative to the folder of the images, with forward slashes.
        label: Of its class.
        role: One of `gnn_dml.data.images.ROLES`.
        place: The file and line that list it, for messages; empty where no list does.
    """

    path: str
    label: str
    role: str
    place: str = ""


class MissingPartError(UserError):
    """There is no image of the training part or of the test part, where one is needed.

    Args:
        said: The message.
        there: The splits that the other part makes.
    """

    def __init__(self, said: str, there: tuple[str, ...]) -> None:
        super().__init__(said)
        self.there = there


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
        if is_file(folder / marker):
            return folder
    raise UserError(
        f"dataset.root={root} holds no {marker} (nor does its folder {inner}); "
        f"'gnn-dml data prepare {name}' says how to get the data set"
    )


def read_rows(path: Path, fields: int) -> Iterator[tuple[int, list[str]]]:
    """The lines of a text file as (line number, words); empty lines are passed over.

    Args:
        path: The file.
        fields: Words of a line; the last one may hold blanks.

    Raises:
        UserError: If the file cannot be read, or a line has fewer words; the message names file and line.
    """
    for number, line in read_lines(path):
        words = line.split(maxsplit=fields - 1)
        if len(words) != fields:
            raise UserError(f"{path}, line {number}: {fields} words are expected, not {_short(line)}")
        yield number, words


def _short(text: str) -> str:
    return repr(text if len(text) <= 80 else f"{text[:80]}...")


def parse_number(path: Path, line: int, word: str, least: int, most: int) -> int:
    """A whole number in a file, checked.

    Raises:
        UserError: If it is none or out of range; the message names file, line and value.
    """
    # Python reads no number of thousands of digits.
    if not word.isdecimal() or len(word) > 18 or not least <= int(word) <= most:
        raise UserError(f"{path}, line {line}: a whole number from {least} to {most} is expected, not {_short(word)}")
    return int(word)


def assemble(
    folder: Path,
    records: Sequence[Record],
    published: Published | None = None,
    *,
    strict: bool = True,
    need: Collection[str] = BOTH,
) -> ImageDataset:
    """Check that the images are there, as many as published, and make the data set of them.

    Args:
        folder: Of the images.
        records: In the order of the data set.
        published: Counts to hold them against, or None.
        strict: Whether missing files and other counts are an error. If not, missing files are left out.
        need: Splits that have to be there; images of the others are left out and not looked for.

    Raises:
        UserError: If they are; if a list leads out of the folder or names an image twice; or as in `make_dataset`.
    """
    roles = roles_needed(need)
    listed = [_inside(record) for record in records]
    passed = PassedOver()
    present = _files(folder, {record.path.partition("/")[0] for record in listed}, passed)
    unlisted = present.keys() - {record.path for record in listed}
    for name in sorted(filter(is_image_name, unlisted)):
        passed.add(name, "images that no list names")
    wanted = [record for record in listed if record.role in roles]
    _check_once([(record, present.get(record.path, record.path)) for record in wanted])
    missing = [record.path for record in wanted if record.path not in present]
    for name in missing:
        passed.add(name, "listed images that are missing")
    left = [record for record in wanted if record.path in present]
    wrong = [] if published is None else _wrong_counts(published, left, roles)
    where = f"{'the data set' if published is None else published.name} in {folder}"
    if strict and (missing or wrong):
        said = [*wrong]
        if missing:
            more = f" and {len(missing) - SHOWN} more" if len(missing) > SHOWN else ""
            said.append(f"{len(missing)} of {len(wanted)} files are missing: {', '.join(missing[:SHOWN])}{more}")
        raise UserError(
            f"{where} is not whole: {'; '.join(said)}; dataset.strict=false (data verify: --subset) takes what is there"
        )
    return make_dataset(folder, left, where, need=need, found=Found(passed_over=passed))


def make_dataset(
    folder: Path,
    records: Sequence[Record],
    where: str,
    *,
    need: Collection[str] = BOTH,
    labelled: bool = True,
    found: Found | None = None,
) -> ImageDataset:
    """The data set of images that are known to be there; classes are numbered in the order of the records.

    Args:
        folder: That paths are relative to.
        records: In the order of the data set; those of splits that are not needed are left out.
        where: For messages.
        need: Splits that have to be there.
        labelled: Whether a Recall is to be measured on the test images.
        found: How they were found.

    Raises:
        MissingPartError: If there is no training or no test image that is needed.
        UserError: If no test image has another of its class to find, or if a class is in both halves.
    """
    roles = roles_needed(need)
    left = [record for record in records if record.role in roles]
    for part, wanted, there, use in (
        ("training", ("train", "val"), ("test",), "evaluate, embed and search need none"),
        ("test", TEST_ROLES, ("train", "val"), "protocol.test_on=none trains without"),
    ):
        if roles.issuperset(wanted) and not any(record.role in wanted for record in left):
            count = f"it has {len(records)} images in all"
            raise MissingPartError(f"{where} has no {part} images ({use}); {count}", there)
    numbers = {label: i for i, label in enumerate(dict.fromkeys(record.label for record in left))}
    dataset = ImageDataset(
        images=ImageFiles([folder / record.path for record in left]),
        labels=torch.tensor([numbers[record.label] for record in left]),
        class_names=tuple(map(show_name, numbers)),
        image_names=tuple(show_name(record.path) for record in left),
        roles=tuple(record.role for record in left),
    )
    if labelled and "test" in need:
        _check_test(left, where)
    return dataset if found is None else replace(dataset, found=found)


def _inside(record: Record) -> Record:
    """With its path in the plain spelling.

    Raises:
        UserError: If the path leads out of the folder of the images.
    """
    parts = record.path.split("/")
    if record.path.startswith("/") or ".." in parts:
        raise UserError(f"{record.place}: {record.path!r} leads out of the folder of the images")
    return record._replace(path="/".join(part for part in parts if part not in ("", ".")))


def _check_once(records: Sequence[tuple[Record, str]]) -> None:
    """Refuse an image that is listed twice, in whichever spelling.

    Args:
        records: Each with the place where the image truly lies.

    Raises:
        UserError: Naming both places.
    """
    seen: dict[str, Record] = {}
    for record, real in records:
        first = seen.setdefault(real, record)
        if first is not record:
            same = "it" if first.path == record.path else f"the same image, as {first.path},"
            raise UserError(f"{record.place}: {record.path} is listed twice; {same} stands in {first.place} already")


def _check_test(records: Sequence[Record], where: str) -> None:
    """Refuse a test half that no Recall could be measured on."""
    queries = {record.label for record in records if record.role == "query"}
    others = Counter(record.label for record in records if record.role in ("test", "gallery"))
    if not queries and not any(record.role == "gallery" for record in records):
        if max(others.values()) < 2:
            raise UserError(f"{where} has one test image of each class, so none has another of its class to find")
    elif not queries & set(others):
        raise UserError(f"{where} has no query with an image of its class in the gallery")


def _wrong_counts(published: Published, records: Sequence[Record], roles: Collection[str]) -> list[str]:
    """A sentence for each of some roles whose counts differ."""
    wrong = []
    for role, (images, classes) in published.counts.items():
        if role not in roles:
            continue
        labels = [record.label for record in records if record.role == role]
        if (len(labels), len(set(labels))) != (images, classes):
            wrong.append(
                f"{role} has {len(labels)} images of {len(set(labels))} classes, and {images} of {classes} are expected"
            )
    return wrong


def _files(folder: Path, tops: set[str], passed: PassedOver) -> dict[str, str]:
    """All files below some folders, relative to `folder`, and where each truly lies: one walk, no look at each file."""
    found: dict[str, str] = {}
    for top in sorted(tops):
        if is_folder(folder / top):
            found |= {one.name: one.real for one in walk(folder, top, pass_over=passed.add)}
        elif is_file(folder / top):
            found[top] = str((folder / top).resolve())
    return found
