"""Read what runs have written: the row of each, what its study says of it, and what is wrong with the others."""

from __future__ import annotations

import json
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

from gnn_dml.columns import KINDS
from gnn_dml.errors import UserError
from gnn_dml.results.cell_of import cell_file
from gnn_dml.results.frame import METRIC, is_whole
from gnn_dml.text import show_text

REQUIRED = ("run_id", "seed", "status")
STATUSES = ("finished", "diverged", "failed")
LARGEST = 2**62
"""Of any number in a row; a table holds no larger whole ones."""

FORMER = "former"
"""In the file of a run: true where the study has that cell no more."""

TYPED = "typed"
"""There: the settings that its study has for the cell."""


def read_rows(results: Sequence[Path]) -> tuple[list[dict[str, Any]], list[str]]:
    """The rows of runs, and what is wrong with those that cannot be read.

    Args:
        results: Their `result.json`, each in the folder of its run inside that of its study.

    Returns:
        Rows with `settings`, where a study named the run `typed`, and no runs of cells that it has no more; and a
        sentence for each that is left out.
    """
    rows, damaged = [], []
    for path in results:
        try:
            row = read_row(path)
        except UserError as error:
            damaged.append(f"{error}; this run is left out, the others are not")
            continue
        if not row.pop(FORMER, False):
            rows.append(row)
    return rows, damaged


def read_row(path: Path) -> dict[str, Any]:
    """The row of a run, and what its study says of it."""
    row = _read_json(path)
    if not isinstance(row, dict):
        raise UserError(f"{path} holds a {type(row).__name__}, not one JSON object")
    row = {**row, "study": path.parent.parent.name, **_cell_of(path, row)}
    missing = [name for name in REQUIRED if row.get(name) is None]
    if missing:
        raise UserError(f"{path} lacks {', '.join(missing)}")
    if row["status"] not in STATUSES:
        raise UserError(f"{path} has the status {row['status']!r}; allowed are {', '.join(STATUSES)}")
    if not is_whole(row["seed"]) or abs(row["seed"]) > LARGEST:
        raise UserError(f"{path} has the seed {row['seed']!r}, which is not a whole number")
    if not isinstance(row.setdefault("settings", {}), dict):
        raise UserError(f"{path} has settings = {row['settings']!r}, which is not a JSON object")
    for name, is_metric in _numbers(tuple(row)):
        value = row[name]
        if value is not None and not (is_metric and type(value) is float and -1 <= value <= 1):
            _check_number(path, name, value)
    # A name that is not UTF-8 fits no column of text.
    return {name: show_text(value) if type(value) is str else value for name, value in row.items()}


def _cell_of(path: Path, row: dict[str, Any]) -> dict[str, Any]:
    """Which cell a run is, and what was typed for its study; a run that no study named is known by its graph."""
    known = {
        "cell": row.get("cell") or row.get("graph") or path.parent.name,
        "overrides": row.get("overrides") or "",
    }
    file = cell_file(path.parent)
    if file is None:
        return known
    said = _read_json(file)
    if not isinstance(said, dict) or not isinstance(said.get("cell", ""), str):
        raise UserError(f"{file} is no JSON object with the name of a cell")
    return {**known, **{name: said[name] for name in ("cell", "overrides", "settings", FORMER, TYPED) if name in said}}


def _check_number(path: Path, name: str, value: Any) -> None:
    """Refuse words where numbers stand, percentages, and fractions of whole numbers."""
    is_metric, kind = _kind(name)
    if kind not in (float, int):
        return
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise UserError(f"{path} has {name} = {value!r}, which is not a number")
    if abs(value) > LARGEST:
        raise UserError(f"{path} has {name} = {str(value)[:30]}, which is out of range")
    if kind is int and not float(value).is_integer():
        raise UserError(f"{path} has {name} = {value!r}, which is not a whole number")
    if is_metric and abs(value) > 1 + 1e-6:  # AMI may fall below 0; nothing may be a percentage
        raise UserError(f"{path} has {name} = {value!r}; metrics are fractions, at most 1")


@lru_cache(maxsize=64)
def _numbers(names: tuple[str, ...]) -> list[tuple[str, bool]]:
    """The columns of numbers among those of a row, and which are metrics; most rows of a study have the same."""
    return [(name, _kind(name)[0]) for name in names if _kind(name)[1] in (float, int)]


@lru_cache(maxsize=4096)
def _kind(name: str) -> tuple[bool, type | None]:
    """Whether a column is a metric, and of which type."""
    is_metric = METRIC.fullmatch(name) is not None
    return is_metric, float if is_metric else KINDS.get(name)


def _read_json(path: Path) -> Any:
    try:
        text = path.read_bytes().decode()
        held = json.loads(text)
        if "\\u" in text:
            # A byte of a name that is not UTF-8 can be written, escaped; half of a surrogate pair cannot.
            json.dumps(held, ensure_ascii=False).encode(errors="surrogateescape")
        return held
    except (ValueError, OSError, RecursionError) as error:
        raise UserError(f"{path} cannot be read as JSON ({error})") from error


def read_cell_order(path: Path) -> list[str]:
    """The cells of a study in their order, of its `cells.json`; empty where it has none.

    Raises:
        UserError: If it cannot be understood.
    """
    if not path.exists():
        return []
    names = _read_json(path)
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise UserError(f"{path} is not a JSON list of cell names")
    return [show_text(name) for name in names]
