"""Checking a data file: every image, every line of the index, and the checksum of the embedded file."""

from __future__ import annotations

import hashlib
import zipfile
from collections.abc import Iterable, Sequence
from dataclasses import astuple
from pathlib import Path

from gnn_dml.errors import UserError
from gnn_dml.prepare.emoji.archive import INDEX, LICENCES, Row, read_index
from gnn_dml.prepare.emoji.checksums import EMOJI_CONTENT_SHA256, EMOJI_SHA256
from gnn_dml.prepare.emoji.licences import EMBEDDED_TITLE
from gnn_dml.prepare.emoji.read import LARGEST_TEXT, open_archive, read_member, read_pixels


def verify(path: str | Path) -> list[str]:
    """Read all of a data file.

    A file that says in its `LICENSES.md` that it is the embedded one must have the embedded one's checksum.

    Args:
        path: A zip written by `build`.

    Returns:
        What is wrong with it; empty when all is well.
    """
    try:
        rows = read_index(path)
    except UserError as error:
        return [str(error)]
    problems = _index_problems(rows)
    with open_archive(Path(path)) as archive:
        found, content = _read_images(archive, rows)
        problems += found
        problems += _member_problems(archive.namelist(), rows)
        try:
            text = read_member(archive, LICENCES, LARGEST_TEXT)
            embedded = text.startswith(EMBEDDED_TITLE.encode())
        except UserError as error:
            problems.append(str(error))
            embedded = False
    if embedded:
        problems += _checksum_problems(Path(path), content)
    return problems


def content_sha256(path: str | Path) -> str:
    """A checksum over the index and the decoded pixels, which does not depend on how the PNGs are packed.

    Raises:
        UserError: If the file or an image in it cannot be read.
    """
    rows = read_index(path)
    with open_archive(Path(path)) as archive:
        problems, content = _read_images(archive, rows)
    if problems:
        raise UserError(f"{path}: {problems[0]}")
    return content


def _read_images(archive: zipfile.ZipFile, rows: Sequence[Row]) -> tuple[list[str], str]:
    problems = []
    digest = hashlib.sha256()
    shapes: set[tuple[int, ...]] = set()
    for row in rows:
        try:
            pixels = read_pixels(archive, row.path)
        except UserError as error:
            problems.append(str(error))
            continue
        shapes.add(pixels.shape)
        digest.update("\n".join(map(str, (*astuple(row), *pixels.shape, ""))).encode())
        digest.update(pixels.tobytes())
    if any(shape[0] != shape[1] for shape in shapes) or len(shapes) > 1:
        problems.append(f"the images have to be squares of one size, and there are {sorted(shapes)}")
    return problems, digest.hexdigest()


def _index_problems(rows: Sequence[Row]) -> list[str]:
    problems = []
    if not rows:
        problems.append(f"{INDEX} lists no images")
    facts = sorted({(row.label, row.codepoints, row.class_name, row.split) for row in rows})
    if [label for label, *_ in facts] != list(range(len(facts))):
        problems.append("every label from 0 on has to stand for one emoji with one name on one side of the split")
    if _repeated(codepoints for _, codepoints, *_ in facts):
        problems.append(f"emoji with two labels: {_repeated(codepoints for _, codepoints, *_ in facts)[:3]}")
    sides = sorted({(row.group, row.subgroup, row.split) for row in rows})
    if _repeated((group, subgroup) for group, subgroup, _ in sides):
        problems.append(f"subgroups on two sides: {_repeated(side[:2] for side in sides)[:3]}")
    return problems


def _member_problems(names: Sequence[str], rows: Sequence[Row]) -> list[str]:
    listed = [row.path for row in rows]
    problems = [f"{name} is listed twice" for name in _repeated(listed)]
    problems += [f"{name} is there twice" for name in _repeated(names)]
    extra = sorted(set(names) - set(listed) - {INDEX, LICENCES})
    return problems + [f"{name} is not in {INDEX}" for name in extra]


def _repeated(items: Iterable[object]) -> list[object]:
    seen: set[object] = set()
    return [item for item in items if item in seen or seen.add(item)]  # type: ignore[func-returns-value]


def _checksum_problems(path: Path, content: str) -> list[str]:
    found = hashlib.sha256(path.read_bytes()).hexdigest()
    if found == EMOJI_SHA256:
        return []
    same = "the same" if content == EMOJI_CONTENT_SHA256 else "other"
    return [
        f"it has the sha256 {found} and the embedded file of this version {EMOJI_SHA256}; "
        f"index and decoded pixels are {same}"
    ]
