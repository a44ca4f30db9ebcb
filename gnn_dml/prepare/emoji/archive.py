"""The data file: a zip with `LICENSES.md`, `index.csv` and `images/<codepoints>/<vendor>.png`."""

from __future__ import annotations

import csv
import io
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import astuple, dataclass, fields
from pathlib import Path

from gnn_dml.atomic import write_atomically
from gnn_dml.errors import UserError
from gnn_dml.prepare.emoji.read import LARGEST_TEXT, open_archive, read_member
from gnn_dml.prepare.emoji.split import SIDES

INDEX = "index.csv"
LICENCES = "LICENSES.md"


@dataclass(frozen=True)
class Row:
    """One image: a line of `index.csv`, whose columns are these attributes.

    Attributes:
        path: Member of the zip.
        label: Class, 0 .. C - 1 in the order of the codepoints.
        class_name: The emoji's Unicode name.
        split: "train", "val" or "test".
        vendor: The icon set.
        codepoints: Lower-case hexadecimal, joined by '-'.
        group: Unicode group.
        subgroup: Unicode subgroup.
    """

    path: str
    label: int
    class_name: str
    split: str
    vendor: str
    codepoints: str
    group: str
    subgroup: str


COLUMNS = tuple(field.name for field in fields(Row))


def write_archive(out: Path, rows: Sequence[Row], images: Mapping[str, bytes], licences: str) -> None:
    """Write the data file: always the same bytes for the same content, and never half a file.

    Raises:
        UserError: If the file cannot be written; what was at `out` is then still there.
    """
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerows([COLUMNS, *map(astuple, rows)])
    members = {INDEX: text.getvalue().encode(), LICENCES: licences.encode()}
    members |= {row.path: images[row.path] for row in rows}
    try:
        write_atomically(out, lambda partial: _write_zip(partial, members))
    except OSError as error:
        raise UserError(f"cannot write {out}: {error}") from error


def _write_zip(file: Path, members: Mapping[str, bytes]) -> None:
    with zipfile.ZipFile(file, "w", zipfile.ZIP_STORED) as archive:
        for name in sorted(members):
            info = zipfile.ZipInfo(name, date_time=(1980, 1, 1, 0, 0, 0))
            info.create_system = 3
            info.external_attr = 0o100644 << 16
            archive.writestr(info, members[name])


def read_index(path: str | Path) -> list[Row]:
    """The rows of a data file.

    Raises:
        UserError: If the file is missing, is no zip, or holds no such index.
    """
    with open_archive(Path(path)) as archive:
        try:
            text = read_member(archive, INDEX, LARGEST_TEXT).decode("utf-8")
        except (UserError, UnicodeDecodeError) as error:
            raise UserError(f"{path} is no emoji data file: {error}") from error
    try:
        lines = list(csv.reader(io.StringIO(text)))
    except csv.Error as error:
        raise UserError(f"{path}: {INDEX} cannot be read as CSV: {error}") from error
    if not lines or tuple(lines[0]) != COLUMNS:
        raise UserError(f"{path}: the columns of {INDEX} have to be {', '.join(COLUMNS)}")
    return [_row(path, number, line) for number, line in enumerate(lines[1:], 2)]


def _row(path: str | Path, number: int, line: list[str]) -> Row:
    if len(line) != len(COLUMNS) or not line[1].isdecimal() or len(line[1]) > 9 or line[3] not in SIDES:
        raise UserError(f"{path}: line {number} of {INDEX} is no image of a class on one of {', '.join(SIDES)}")
    return Row(line[0], int(line[1]), *line[2:])
