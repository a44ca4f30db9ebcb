"""Read the runs of a study into one frame, and rebuild the study's results.csv from them."""

import json
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pandas as pd
from filelock import FileLock

from gnn_dml.atomic import sweep_partials, write_atomically
from gnn_dml.columns import BRANCHES, KINDS, NAMES
from gnn_dml.errors import UserError
from gnn_dml.results.cell_of import CELL, FORMER_FOLDER, cell_file
from gnn_dml.results.cells import text
from gnn_dml.text import show_text

REQUIRED = ("run_id", "seed", "status")
STATUSES = ("finished", "diverged", "failed")
METRIC = re.compile(r"((?:val_|test_|last_)?(?:backbone|refined)_)(.+)")
ORDER = ("recall@", "map@r", "r_precision", "nmi", "ami")
FAILED = "failed.json"
"""In the place of a result.json: the row of a run that ended in an error."""
LONGEST_WAIT = 60.0
"""Seconds to wait for another process that rebuilds the file, which takes less than one."""
LARGEST = 2**62
"""Of any number in a row; a table holds no larger whole ones."""

FORMER = "former"
"""In the file of a run: true where the study has that cell no more."""


def collect(study_dir: Path, *, on_unwritten: Callable[[str], object] | None = None) -> pd.DataFrame:
    """Read every finished, diverged or failed run of a study and rebuild its `results.csv`.

    Folders without a `result.json` are runs that have not ended yet and are left out. The csv is replaced in one step,
    so whoever reads it sees the old or the new one and never half of one, and only if it changes. Processes wait for
    each other where the file system knows locks; where it does not, each looks again after it wrote whether a run has
    ended meanwhile, so no row is lost either way.

    Args:
        study_dir: The folder with one folder per run, and optionally a `cells.json`, the cells in
            their order; a run may have a `cell.json` beside its `result.json`.
        on_unwritten: Called with a sentence where `results.csv` cannot be written, for instance because another program
            holds it open; without it that is an error.

    Returns:
        One row per run, sorted by cell (in the order of `cells.json`, the others alphabetically after them),
        overrides and seed, with the columns of `gnn_dml.columns`. Missing numbers are missing, missing texts empty.
        Runs of cells that the study has no more (`former` in the file of the run) are left out. In its `attrs`, under
        `damaged`, a sentence for each file that cannot be understood: its run is left out, and no other.

    Raises:
        UserError: When the folder is missing or holds no ended run that can be understood, or results.csv cannot be
            written.
    """
    if not study_dir.is_dir():
        raise UserError(f"there is no study folder {study_dir}")
    path = study_dir / "results.csv"
    with _lock(study_dir):
        seen = None
        while seen != (seen := _state(study_dir)):
            rows, damaged = _read_rows(study_dir)
            if not rows and damaged:
                raise UserError("; ".join(damaged))
            if not rows:
                raise UserError(f"{study_dir} has no run with a result.json: no run of this study has ended yet")
            try:
                order = _cell_order(study_dir / "cells.json")
            except UserError as error:
                order, damaged = [], [*damaged, f"{error}; the cells are in alphabetical order"]
            frame = _sorted(_typed(rows), order)
            try:
                _write_changed(path, show_text(frame.to_csv(index=False, lineterminator="\n")).encode())
            except OSError as error:
                said = f"cannot write {path}: {error.strerror or error}; the rows are safe in */result.json"
                if on_unwritten is None:
                    raise UserError(said) from error
                on_unwritten(said)
                break
        sweep_partials(study_dir)
    frame.attrs["damaged"] = damaged
    return frame


@contextmanager
def _lock(folder: Path) -> Iterator[None]:
    """One process at a time, where the folder can be written and its file system knows locks."""
    path = folder / ".results.lock"
    lock = FileLock(path, timeout=LONGEST_WAIT)
    try:
        if not path.is_symlink():
            lock.acquire()
    except (OSError, NotImplementedError):  # a folder that is only to be read, no locks, or a holder that hangs
        pass
    try:
        yield
    finally:
        lock.release()


def _state(folder: Path) -> list[tuple[str, int]]:
    """What `results.csv` is made from, with the times of change."""
    found = []
    names = ("*/result.json", f"*/{FAILED}", f"*/{CELL}", f"{FORMER_FOLDER}/*.json", "cells.json")
    for path in (path for name in names for path in folder.glob(name)):
        with suppress(OSError):  # gone since it was listed
            found.append((str(path), path.stat().st_mtime_ns))
    return sorted(found)


def _write_changed(path: Path, content: bytes) -> None:
    try:
        if path.read_bytes() == content:
            return
    except OSError:  # not there, or not to be read
        pass
    write_atomically(path, lambda partial: partial.write_bytes(content))


def _read_rows(study_dir: Path) -> tuple[list[dict[str, Any]], list[str]]:
    """The rows of a study, and what is wrong with those that cannot be read."""
    rows, damaged = [], []
    failed = [path for path in study_dir.glob(f"*/{FAILED}") if not path.with_name("result.json").exists()]
    for path in sorted([*study_dir.glob("*/result.json"), *failed]):
        try:
            row = _read_row(path)
        except UserError as error:
            damaged.append(f"{error}; this run is left out, the others are not")
            continue
        if not row.pop(FORMER, False):
            rows.append(row)
    return rows, damaged


def _read_row(path: Path) -> dict[str, Any]:
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
    if not _is_whole(row["seed"]) or abs(row["seed"]) > LARGEST:
        raise UserError(f"{path} has the seed {row['seed']!r}, which is not a whole number")
    if not isinstance(row.setdefault("settings", {}), dict):
        raise UserError(f"{path} has settings = {row['settings']!r}, which is not a JSON object")
    for name, value in row.items():
        if value is not None:
            _check_number(path, name, value)
    # A name that is not UTF-8 fits no column of text.
    return {name: show_text(value) if isinstance(value, str) else value for name, value in row.items()}


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
    return {**known, **{name: said[name] for name in ("cell", "overrides", "settings", FORMER) if name in said}}


def _check_number(path: Path, name: str, value: Any) -> None:
    """Refuse words where numbers stand, percentages, and fractions of whole numbers."""
    is_metric = METRIC.fullmatch(name) is not None
    kind = float if is_metric else KINDS.get(name)
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


def _is_whole(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _read_json(path: Path) -> Any:
    try:
        held = json.loads(path.read_text(encoding="utf-8"))
        # A byte of a name that is not UTF-8 can be written, escaped; half of a surrogate pair cannot.
        json.dumps(held, ensure_ascii=False).encode(errors="surrogateescape")
        return held
    except (ValueError, OSError, RecursionError) as error:
        raise UserError(f"{path} cannot be read as JSON ({error})") from error


def _typed(rows: Sequence[dict[str, Any]]) -> pd.DataFrame:
    """Order the columns and give each the same type whatever happens to be missing in it."""
    settings = varying([row["settings"] for row in rows])
    plain = [{name: value for name, value in row.items() if name not in ("settings", "weights")} for row in rows]
    frame = pd.DataFrame(plain)
    known = [name for name in NAMES if name in frame]
    metrics = sorted((str(name) for name in frame.columns if METRIC.fullmatch(str(name))), key=_metric_order)
    others = sorted(str(name) for name in frame.columns if name not in known and name not in metrics)
    columns = {name: _column(frame, name) for name in (*known, *metrics, *others)}
    places = {name: pd.Series(values, dtype=_setting_type(values)) for name, values in settings.items()}
    return pd.DataFrame({**{n: columns[n] for n in known}, **places, **{n: columns[n] for n in (*metrics, *others)}})


def _column(frame: pd.DataFrame, name: str) -> "pd.Series[Any]":
    kind = float if METRIC.fullmatch(name) else KINDS.get(name)
    if kind is str:
        return text(frame, name)
    if kind is bool:
        return frame[name].eq(True)
    if kind is int:
        return pd.to_numeric(frame[name]).astype("Int64")
    return frame[name].astype(float) if kind is float else frame[name]


def varying(settings: Sequence[dict[str, Any]]) -> dict[str, list[Any]]:
    """The settings that differ between rows, by name, a value per row: None where a row has no such setting.

    Rows without any settings, which versions before this one wrote, decide nothing. The seed has a column of its own,
    and so have classes, whose names say more; their parameters are settings.
    """
    known = [held for held in settings if held]
    names = list(dict.fromkeys(name for held in known for name in held))
    wanted = [name for name in names if name != "seed" and not name.endswith(("._target_", "._partial_"))]
    found = {}
    for name in wanted:
        values = [json.dumps(held.get(name), sort_keys=True) for held in known]
        if len(set(values)) > 1:
            found[name] = [_shown(held.get(name)) for held in settings]
    return found


def _shown(value: Any) -> Any:
    """A value as a cell of a table; lists as JSON."""
    if isinstance(value, str):
        return show_text(value)
    return json.dumps(value) if isinstance(value, (list, dict)) else value


def _setting_type(values: Sequence[Any]) -> str:
    """Whole numbers stay whole beside missing values."""
    there = [value for value in values if value is not None]
    return "Int64" if there and all(_is_whole(value) for value in there) else "object"


def _metric_order(name: str) -> tuple[int, int, int, str]:
    """By branch, then figure, then K."""
    match = METRIC.fullmatch(name)
    assert match is not None
    branch, figure = match.groups()
    stem = next((i for i, start in enumerate(ORDER) if figure.startswith(start)), len(ORDER))
    k = figure.rpartition("@")[2]
    branches = list(BRANCHES)
    return (
        branches.index(branch) if branch in branches else len(branches),
        stem,
        int(k) if k.isdecimal() else 0,
        name,
    )


def _cell_order(path: Path) -> list[str]:
    if not path.exists():
        return []
    names = _read_json(path)
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise UserError(f"{path} is not a JSON list of cell names")
    return [show_text(name) for name in names]


def _sorted(frame: pd.DataFrame, order: list[str]) -> pd.DataFrame:
    rank = {name: place for place, name in reversed(list(enumerate(order)))}
    keys = sorted(
        range(len(frame)),
        key=lambda i: (
            rank.get(frame["cell"].iloc[i], len(order)),
            frame["cell"].iloc[i],
            frame["overrides"].iloc[i],
            frame["seed"].iloc[i],
            frame["run_id"].iloc[i],
        ),
    )
    return frame.iloc[keys].reset_index(drop=True)
