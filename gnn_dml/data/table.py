"""Any images: a CSV file that says which, and what they are."""

from __future__ import annotations

import os
from collections.abc import Callable, Collection
from functools import cache
from pathlib import Path

from gnn_dml.data.folder import assign_roles
from gnn_dml.data.found import Found
from gnn_dml.data.images import BOTH, ROLES, ImageDataset, roles_needed
from gnn_dml.data.layout import role_of
from gnn_dml.data.records import Record, make_dataset
from gnn_dml.errors import UserError
from gnn_dml.prepare.lists import CsvList, read_csv
from gnn_dml.prepare.look import is_file


def read_table(
    root: str | Path,
    *,
    images: str | Path | None = None,
    test_share: float = 0.5,
    need: Collection[str] = BOTH,
    labelled: bool = True,
) -> ImageDataset:
    """Read images listed in a CSV file with the columns `path` and `label`, and perhaps `split`.

    `split` is train, val, test, query or gallery, in any usual spelling; the last two make the test split with its
    sides apart. Without the column, the last half of the labels, in the order in which they first stand there, is for
    testing. Labels are words: "001" is another class than "1".

    Args:
        root: The CSV file, with a header line; see `gnn_dml.prepare.lists.read_csv`.
        images: The folder that paths are relative to; None is the folder of the CSV file.
        test_share: Of the labels, where the file has no splits.
        need: Splits that have to be there, "train" or "test"; images of the others are not looked for.
        labelled: Whether there has to be a column `label`. If not, images without one have the class "", and without a
            column `split` they are for testing.

    Raises:
        UserError: If the file is missing or malformed, an image is missing or stands there twice, in whichever
            spelling, or a label is in training and in test; the message names the line.
    """
    path = Path(root)
    if not is_file(path):
        raise UserError(f"dataset.root={root} must be a CSV file, and there is no such file")
    table = read_csv(
        path,
        required=("path", "label") if labelled else ("path",),
        optional=("split",) if labelled else ("label", "split"),
    )
    if not table.rows:
        raise UserError(f"{path} lists no images: it has a header and nothing else")
    folder = path.parent if images is None else Path(images)
    lines = [number for number, _ in table.rows]
    rows = [_parse_row(path, number, cells, table, labelled) for number, cells in table.rows]
    layout = ""
    if "split" not in table.columns:
        roles = _assign_roles(rows, test_share, str(path), labelled)
        test = sum(role == "test" for role in roles.values())
        layout = f"no column split: the last {test} of {len(roles)} labels are for testing"
        rows = [record._replace(role=roles[record.label]) for record in rows]
    _check_once(path, folder, lines, rows)
    needed = roles_needed(need)
    missing = [
        (line, record.path)
        for line, record in zip(lines, rows, strict=True)
        if record.role in needed and not is_file(folder / record.path)
    ]
    if missing:
        more = f" ({len(missing)} files are missing)" if len(missing) > 1 else ""
        raise UserError(f"{path}, line {missing[0][0]}: there is no file {folder / missing[0][1]}{more}")
    notes = (f"columns that are not used: {', '.join(table.unknown)}",) if table.unknown else ()
    return make_dataset(folder, rows, str(path), need=need, labelled=labelled, found=Found(layout, notes=notes))


def _parse_row(path: Path, number: int, cells: dict[str, str], table: CsvList, labelled: bool) -> Record:
    """One line as a record.

    Raises:
        UserError: If a cell is empty, the path has a zero byte or the split is unknown.
    """
    for name in ("path", "label") if labelled else ("path",):
        if not cells[name]:
            raise UserError(f"{path}, line {number}: the column {name} is empty")
    role = "train"
    if "split" in table.columns:
        known = role_of(cells["split"])
        if known is None:
            raise UserError(f"{path}, line {number}: split must be one of {', '.join(ROLES)}, not {cells['split']!r}")
        role = known
    return Record(cells["path"], cells.get("label", ""), role)


def _assign_roles(rows: list[Record], test_share: float, where: str, labelled: bool) -> dict[str, str]:
    """The role of each label; where labels do not matter, images of one label are for testing."""
    labels = list(dict.fromkeys(record.label for record in rows))
    return {labels[0]: "test"} if len(labels) == 1 and not labelled else assign_roles(labels, test_share, where)


def _check_once(path: Path, folder: Path, lines: list[int], rows: list[Record]) -> None:
    """Refuse an image that is listed twice, in whichever spelling.

    Raises:
        UserError: Naming both lines.
    """
    resolve = _make_resolver()
    seen: dict[str, int] = {}
    for line, record in zip(lines, rows, strict=True):
        first = seen.setdefault(resolve(os.fspath(folder / record.path)), line)
        if first != line:
            spelled = rows[lines.index(first)].path
            also = "" if spelled == record.path else f", as {spelled}"
            raise UserError(f"{path}, line {line}: {record.path} stands on line {first} already{also}")


def _make_resolver() -> Callable[[str], str]:
    """What gives the true place of a file; the links of a folder are resolved once."""

    @cache
    def resolve_folder(folder: str) -> str:
        return os.path.realpath(folder)

    def resolve(name: str) -> str:
        parent, base = os.path.split(name)  # noqa: PTH206, RUF100 - strings: 60,000 Paths are slow
        if base in ("", ".", "..") or os.path.islink(name):  # noqa: PTH114
            return os.path.realpath(name)
        return f"{resolve_folder(parent)}/{base}"

    return resolve
