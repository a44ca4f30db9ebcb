"""Rows of runs as one frame: the order of its columns and rows, and the type of each column."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from typing import Any

import pandas as pd

from gnn_dml.columns import BRANCHES, KINDS, NAMES
from gnn_dml.results.cells import text
from gnn_dml.text import show_text

METRIC = re.compile(r"((?:val_|test_|last_)?(?:backbone|refined)_)(.+)")
ORDER = ("recall@", "map@r", "r_precision", "nmi", "ami")
NOT_SHOWN = ("settings", "weights", "typed")
"""Of a row: no columns."""


def make_frame(rows: Sequence[dict[str, Any]], order: Sequence[str] = ()) -> pd.DataFrame:
    """The rows of runs as a frame with the columns of `gnn_dml.columns`.

    Args:
        rows: As `read_rows` gives them, at least one.
        order: Of the cells; the others stand after them, by the alphabet.

    Returns:
        Sorted by cell, overrides and seed.
    """
    return _typed(_sorted(rows, order))


def _typed(rows: Sequence[dict[str, Any]]) -> pd.DataFrame:
    """Order the columns and give each the same type whatever happens to be missing in it."""
    settings = varying([row["settings"] for row in rows])
    plain = [{name: value for name, value in row.items() if name not in NOT_SHOWN} for row in rows]
    frame = pd.DataFrame(plain)
    known = [name for name in NAMES if name in frame]
    metrics = sorted((str(name) for name in frame.columns if METRIC.fullmatch(str(name))), key=_metric_order)
    others = sorted(str(name) for name in frame.columns if name not in known and name not in metrics)
    columns = {name: _column(frame, name) for name in (*known, *metrics, *others)}
    places = {name: pd.Series(values, dtype=_setting_type(values)) for name, values in settings.items()}
    return pd.DataFrame({**{n: columns[n] for n in known}, **places, **{n: columns[n] for n in (*metrics, *others)}})


def _column(frame: pd.DataFrame, name: str) -> pd.Series[Any]:
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
        if not _all_equal([held.get(name) for held in known]):
            found[name] = [_shown(held.get(name)) for held in settings]
    return found


def _all_equal(values: Sequence[Any]) -> bool:
    """Whether values are the same as JSON, where 1, 1.0 and true are not."""
    first = values[0]
    if isinstance(first, list | dict):
        return len({json.dumps(value, sort_keys=True) for value in values}) == 1
    return all(value is first or (type(value) is type(first) and value == first) for value in values)


def _shown(value: Any) -> Any:
    """A value as a cell of a table; lists as JSON."""
    if isinstance(value, str):
        return show_text(value)
    return json.dumps(value) if isinstance(value, (list, dict)) else value


def _setting_type(values: Sequence[Any]) -> str:
    """Whole numbers stay whole beside missing values."""
    there = [value for value in values if value is not None]
    return "Int64" if there and all(is_whole(value) for value in there) else "object"


def is_whole(value: Any) -> bool:
    """Whether a value is a whole number, and not a truth value."""
    return isinstance(value, int) and not isinstance(value, bool)


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


def _sorted(rows: Sequence[dict[str, Any]], order: Sequence[str]) -> list[dict[str, Any]]:
    rank = {name: place for place, name in reversed(list(enumerate(order)))}
    return sorted(
        rows,
        key=lambda row: (
            rank.get(row["cell"], len(order)),
            row["cell"],
            row["overrides"],
            row["seed"],
            row["run_id"],
        ),
    )
