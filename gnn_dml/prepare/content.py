"""What a data set's files are, wherever they lie: one checksum, without reading the images."""

from __future__ import annotations

import codecs
import hashlib
import os
from collections.abc import Iterable, Iterator
from pathlib import Path

from gnn_dml.errors import UserError
from gnn_dml.prepare.formats import is_image_name
from gnn_dml.prepare.lists import read_csv
from gnn_dml.prepare.look import is_folder
from gnn_dml.prepare.walk import walk

ANNOTATION_SUFFIXES = (".txt", ".csv", ".mat")
LARGEST_ANNOTATION = 64 * 2**20
"""Bytes; a larger file is no list that a reader would take."""

CHUNK = 2**20


def content_of(root: Path, images: Path | None = None) -> str:
    """Compute a checksum of what a data set's files are, whatever its folder is called and wherever it lies.

    - Of a folder count the images (relative path and size, not the pixels) and the small text and .mat files (relative
      path and sha256). Hidden files, what archivers leave behind, archives and other files do not count. Links are
      followed.
    - Of a CSV table (a text file with a column `path`) count its sha256, and the images that it lists (path as listed,
      and size).
    - Any other file counts with its sha256, which is then the answer itself.

    Args:
        root: A folder or a file.
        images: The folder that the paths of a table are relative to; None is the table's own.

    Returns:
        A sha256 in hexadecimal digits.

    Raises:
        UserError: If the folder or file cannot be read; the message names it.
    """
    try:
        if is_folder(root):
            return _hash_lines(_describe_folder(root))
        listed = _read_listed(root)
        if listed is None:
            return _hash_file(root)
        return _hash_lines(_describe_table(listed, root, root.parent if images is None else images))
    except OSError as error:
        raise UserError(f"cannot read {error.filename or root}: {error.strerror or error}") from error


def _hash_lines(lines: Iterable[bytes]) -> str:
    """The sha256 of lines in their order; none of them holds a zero byte, which ends each."""
    digest = hashlib.sha256()
    for line in lines:
        digest.update(line + b"\0")
    return digest.hexdigest()


def _hash_file(path: Path | str) -> str:
    digest = hashlib.sha256()
    with open(path, "rb") as file:  # noqa: PTH123 - a name that is not UTF-8 comes as a string
        while chunk := file.read(CHUNK):
            digest.update(chunk)
    return digest.hexdigest()


def _describe_folder(root: Path) -> Iterator[bytes]:
    """A line for each file that counts, in the order of their names as bytes."""
    found = sorted(_list_files(root))
    return (b"%b\n%b" % (name, what.encode()) for name, what in found)


def _list_files(root: Path) -> Iterator[tuple[bytes, str]]:
    """Relative path and size or sha256 of each file that counts."""
    for found in walk(root):
        if (what := _describe_file(found.entry)) is not None:
            yield _encode(found.name), what


def _describe_file(entry: os.DirEntry[str]) -> str | None:
    """The size of an image, the sha256 of a list; None for what does not count."""
    if is_image_name(entry.name):
        return f"{entry.stat().st_size}"
    if entry.name.lower().endswith(ANNOTATION_SUFFIXES) and entry.stat().st_size <= LARGEST_ANNOTATION:
        return _hash_file(entry.path)
    return None


def _describe_table(names: Iterable[str], table: Path, images: Path) -> Iterator[bytes]:
    """The sha256 of the table, then a line for each image that it lists, in its order."""
    yield _hash_file(table).encode()
    folder = os.fspath(images)
    for name in names:
        try:
            size = os.stat(os.path.join(folder, name)).st_size  # noqa: PTH116, PTH118 - as in `_walk`
        except (OSError, ValueError):
            size = -1  # missing; its reader says so
        yield b"%b\n%d" % (_encode(name), size)


def _read_listed(file: Path) -> list[str] | None:
    """The column `path` of a table, or None if the file is none."""
    with file.open("rb") as opened:
        head = opened.read(CHUNK)
    if b"\0" in head and not head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return None
    try:
        return [cells["path"] for _, cells in read_csv(file, required=("path",)).rows]
    except UserError:  # a file of another kind, or a damaged table, of which its reader says what is wrong
        return None


def _encode(name: str) -> bytes:
    """The bytes of a file name, also of one that is not UTF-8."""
    return name.encode("utf-8", "surrogateescape")
