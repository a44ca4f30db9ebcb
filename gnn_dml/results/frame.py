"""Rows of runs as one frame: the order of its columns and rows, and the type of each column."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from itertools import chain
from typing import Any

import pandas as pd

from gnn_dml.columns import BRANCHES, KINDS, NAMES
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
    names = [name for name in _names(rows) if name not in NOT_SHOWN]
    values = _by_name(rows, names)
    known = [name for name in NAMES if name in names]
    metrics = sorted((name for name in names if METRIC.fullmatch(name)), key=_metric_order)
    others = sorted(set(names) - {*known, *metrics})
    columns = {name: _column(name, values[name]) for name in (*known, *metrics, *others)}
    places = {name: pd.Series(own, dtype=_setting_type(own)) for name, own in settings.items()}
    return pd.DataFrame({**{n: columns[n] for n in known}, **places, **{n: columns[n] for n in (*metrics, *others)}})


def _names(rows: Sequence[dict[str, Any]]) -> list[str]:
    """The names in dictionaries, each once; most of them have the same ones."""
    return list(dict.fromkeys(chain.from_iterable(dict.fromkeys(map(tuple, rows)))))


def _by_name(rows: Sequence[dict[str, Any]], names: Sequence[str]) -> dict[str, tuple[Any, ...]]:
    """The values of dictionaries by their names, None where one has none; row after row, as they lie in memory."""
    return dict(zip(names, zip(*([*map(row.get, names)] for row in rows), strict=True), strict=True))


def _column(name: str, values: Sequence[Any]) -> pd.Series[Any]:
    """The values of a column, None where they are missing, in its type."""
    kind = float if METRIC.fullmatch(name) else KINDS.get(name)
    if kind is str:
        return pd.Series(["" if value is None or value != value else str(value) for value in values], dtype=object)
    if kind is bool:
        return pd.Series([value is True for value in values])
    if kind is int:
        return pd.to_numeric(pd.Series(values)).astype("Int64")
    return pd.Series(values, dtype=float) if kind is float else pd.Series(values)


def varying(settings: Sequence[dict[str, Any]]) -> dict[str, list[Any]]:
    """The settings that differ between rows, by name, a value per row: None where a row has no such setting.

    Rows without any settings, which versions before this one wrote, decide nothing. The seed has a column of its own,
    and so have classes, whose names say more; their parameters are settings.
    """
    known = [held for held in settings if held]
    wanted = [name for name in _names(known) if name != "seed" and not name.endswith(("._target_", "._partial_"))]
    differing = [name for name, values in _by_name(known, wanted).items() if not _all_equal(values)]
    return {name: [_shown(held.get(name)) for held in settings] for name in differing}


def _all_equal(values: Sequence[Any]) -> bool:
    """Whether values are the same as JSON, where 1, 1.0 and true are not."""
    first = values[0]
    if isinstance(first, list | dict):
        return len({json.dumps(value, sort_keys=True) for value in values}) == 1
    return values.count(first) == len(values) and len(set(map(type, values))) == 1


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
