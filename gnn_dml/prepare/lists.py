"""Lists as people write them: CSV files with a header, and text files with a line for each image or label."""

from __future__ import annotations

import codecs
import csv
import io
from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from gnn_dml.errors import UserError

DELIMITERS = (",", ";", "\t", "|")
_MARKS = {codecs.BOM_UTF8: "utf-8-sig", codecs.BOM_UTF16_LE: "utf-16", codecs.BOM_UTF16_BE: "utf-16"}
_NAMED = {",": "commas", ";": "semicolons", "\t": "tabs", "|": "bars"}


@dataclass(frozen=True)
class CsvList:
    """The rows of a CSV file.

    Attributes:
        columns: The known columns that the file has, in lower case.
        rows: The number of a row's first line, counted from 1, and its cells by column, without blanks around them.
        unknown: The other columns, as the file spells them.
    """

    columns: tuple[str, ...]
    rows: tuple[tuple[int, dict[str, str]], ...]
    unknown: tuple[str, ...]


def read_text(path: Path) -> str:
    """The text of a file in UTF-8, with or without its byte-order mark, or in UTF-16 with one.

    Raises:
        UserError: If it cannot be read or is in another encoding; the message names the file and the line.
    """
    try:
        data = path.read_bytes()
    except (OSError, ValueError) as error:
        raise UserError(f"cannot read {path}: {getattr(error, 'strerror', None) or error}") from error
    return decode_text(data, str(path))


def decode_text(data: bytes, where: str) -> str:
    """The text that these bytes hold; see `read_text`.

    Args:
        data: The content of a file.
        where: Its name, for messages.
    """
    encoding = next((name for mark, name in _MARKS.items() if data.startswith(mark)), "utf-8")
    try:
        text = data.decode(encoding)
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise UserError(f"{where}, line {line}: it is not in UTF-8 ({error.reason}); save the file as UTF-8") from error
    if "\0" in text:
        line = text.count("\n", 0, text.index("\0")) + 1
        raise UserError(f"{where}, line {line}: it holds a zero byte, so it is no text file")
    return text


def read_lines(path: Path) -> Iterator[tuple[int, str]]:
    """The lines of a text file with their numbers from 1, without blanks around them; empty ones are passed over.

    Raises:
        UserError: As `read_text`.
    """
    lines = enumerate(split_lines(read_text(path)), start=1)
    return ((number, line.strip()) for number, line in lines if line.strip())


def split_lines(text: str) -> list[str]:
    """Lines by their ends alone: `str.splitlines` also cuts at characters that may stand in a name."""
    return text.replace("\r\n", "\n").replace("\r", "\n").split("\n")


def read_csv(path: Path, *, required: Sequence[str], optional: Collection[str] = ()) -> CsvList:
    """Read a CSV file with a header line.

    The columns may stand in any order, in upper or lower case, with blanks around their names; cells are separated by
    commas, semicolons, tabs or bars, whichever gives the required columns.

    Args:
        path: The file.
        required: Names of columns, in lower case.
        optional: Likewise; other columns are left out, and named in `CsvList.unknown`.

    Raises:
        UserError: If the file cannot be read, lacks a required column or has one twice, or a row has more or fewer
            cells than the header; the message names file and line.
    """
    return parse_csv(read_text(path), str(path), required=required, optional=optional)


def parse_csv(text: str, where: str, *, required: Sequence[str], optional: Collection[str] = ()) -> CsvList:
    """The rows in the text of a CSV file; see `read_csv`.

    Args:
        text: Of the file.
        where: Its name, for messages.
        required: See `read_csv`.
        optional: Likewise.
    """
    delimiter = _find_delimiter(text, required)
    lines = _split(text, delimiter, where)
    _, header = next(lines, (1, []))
    names = [name.strip().casefold() for name in header]
    lacking = [name for name in required if name not in names]
    if lacking:
        said = ", ".join(name.strip() for name in header) or "none"
        raise UserError(f"{where} lacks the column {', '.join(lacking)}; it has {said}")
    twice = [name for name, count in Counter(names).items() if count > 1 and name]
    if twice:
        raise UserError(f"{where} has the column {twice[0]} more than once")
    known = [name for name in names if name in required or name in optional]
    rows = [(number, _read_row(where, number, cells, names, known, delimiter)) for number, cells in lines]
    unknown = [
        name.strip() or "one without a name" for name, key in zip(header, names, strict=True) if key not in known
    ]
    return CsvList(tuple(known), tuple(rows), tuple(dict.fromkeys(unknown)))


def _find_delimiter(text: str, required: Sequence[str]) -> str:
    """The delimiter under which the header has the required columns; a comma where none does."""
    head = next((line for line in text.splitlines() if line.strip()), "")
    for delimiter in DELIMITERS:
        names = {name.strip().strip('"').strip().casefold() for name in head.split(delimiter)}
        if names.issuperset(required):
            return delimiter
    return ","


def _split(text: str, delimiter: str, where: str) -> Iterator[tuple[int, list[str]]]:
    """The number of each row's first line and its cells; lines without any are passed over."""
    # A blank behind a delimiter may stand before a quoted cell.
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True, skipinitialspace=True)
    start = 1
    while True:
        try:
            cells = next(reader, None)
        except csv.Error as error:
            raise UserError(f"{where}, line {start}: it cannot be read as CSV: {error}") from error
        if cells is None:
            return
        if len(cells) > 1 or "".join(cells).strip():
            yield start, cells
        start = reader.line_num + 1


def _read_row(
    where: str, number: int, cells: list[str], names: list[str], known: list[str], delimiter: str
) -> dict[str, str]:
    if len(cells) != len(names):
        hint = f"; a cell that holds {_NAMED[delimiter]} needs quotes around it" if len(cells) > len(names) else ""
        raise UserError(f"{where}, line {number}: {len(cells)} cells, and the header has {len(names)}{hint}")
    for place, (name, cell) in enumerate(zip(names, cells, strict=True)):
        # The first column of an exported table often numbers the rows.
        if place and not name and cell.strip():
            raise UserError(f"{where}, line {number}: {cell.strip()!r} stands in a column without a name")
    found = dict(zip(names, cells, strict=True))
    return {name: found[name].strip() for name in known}
