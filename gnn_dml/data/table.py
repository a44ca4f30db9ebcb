"""Any images: a CSV file that says which, and what they are."""

from __future__ import annotations

import csv
from pathlib import Path

from gnn_dml.data.folder import assign_roles
from gnn_dml.data.images import ROLES, ImageDataset
from gnn_dml.data.records import Record, make_dataset
from gnn_dml.errors import UserError


def read_table(root: str | Path, *, images: str | Path | None = None, test_share: float = 0.5) -> ImageDataset:
    """Read images listed in a CSV file with the columns `path` and `label`, and perhaps `split`.

    `split` is train, val, test, query or gallery; the last two make the test split with its sides apart. Without the
    column, the last half of the labels, in the order in which they first stand there, is for testing. Labels are words:
    "001" is another class than "1".

    Args:
        root: The CSV file, UTF-8, with a header line.
        images: The folder that paths are relative to; None is the folder of the CSV file.
        test_share: Of the labels, where the file has no splits.

    Raises:
        UserError: If the file is missing or malformed, an image is missing or stands there twice, or a label is in
            training and in test; the message names the line.
    """
    path = Path(root)
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.DictReader(file)
            columns = list(reader.fieldnames or [])
            lines = [(reader.line_num, row) for row in reader]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise UserError(f"dataset.root={root} cannot be read as a CSV file: {error}") from error
    lacking = [name for name in ("path", "label") if name not in columns]
    if lacking:
        raise UserError(f"{path} lacks the column {', '.join(lacking)}; it has {', '.join(columns) or 'none'}")
    folder = path.parent if images is None else Path(images)
    rows = [_parse_row(path, number, row, "split" in columns) for number, row in lines]
    seen: dict[str, int] = {}
    for (number, _), record in zip(lines, rows, strict=True):
        if seen.setdefault(record.path, number) != number:
            raise UserError(f"{path}, line {number}: {record.path} stands on line {seen[record.path]} already")
    if "split" not in columns:
        roles = assign_roles(list(dict.fromkeys(record.label for record in rows)), test_share, str(path))
        rows = [record._replace(role=roles[record.label]) for record in rows]
    missing = [
        (number, record.path)
        for (number, _), record in zip(lines, rows, strict=True)
        if not (folder / record.path).is_file()
    ]
    if missing:
        more = f" ({len(missing)} files are missing)" if len(missing) > 1 else ""
        raise UserError(f"{path}, line {missing[0][0]}: there is no file {folder / missing[0][1]}{more}")
    return make_dataset(folder, rows, str(path))


def _parse_row(path: Path, number: int, row: dict[str, str | None], with_split: bool) -> Record:
    """One line as a record.

    Raises:
        UserError: If a cell is empty or the split is unknown.
    """
    cells = {name: (row.get(name) or "").strip() for name in ("path", "label", "split")}
    for name in ("path", "label"):
        if not cells[name]:
            raise UserError(f"{path}, line {number}: the column {name} is empty")
    if with_split and cells["split"] not in ROLES:
        raise UserError(f"{path}, line {number}: split must be one of {', '.join(ROLES)}, not {cells['split']!r}")
    return Record(cells["path"], cells["label"], cells["split"] or "train")
