"""Read the runs of a study into one frame, and rebuild the study's results.csv from them."""

import json
import re
from pathlib import Path
from typing import Any

import pandas as pd

from gnn_dml.atomic import write_atomically
from gnn_dml.errors import UserError
from gnn_dml.results.cells import text

SCORES = ("recall@1", "recall@2", "recall@4", "recall@8", "map@r", "r_precision", "nmi", "ami")
LEADING = {  # name: type of its values
    "run_id": str,
    "study": str,
    "cell": str,
    "overrides": str,
    "seed": int,
    "status": str,
    "dataset": str,
    "split": str,
    "backbone": str,
    "graph": str,
    "layer": str,
    "uses_labels": bool,
    "test_graph": str,
    "selected_on": str,
    "chosen_epoch": float,
    "epochs": float,
    "seconds": float,
    "device": str,
    "threads": float,
    "torch": str,
    "version": str,
    "parameters": float,
}
BRANCHES = ("backbone_", "refined_", "last_backbone_", "last_refined_", "val_backbone_", "val_refined_")
COLUMNS = [*LEADING, *(branch + score for branch in BRANCHES for score in SCORES)]
REQUIRED = ("run_id", "cell", "seed", "status")
STATUSES = ("finished", "diverged")
METRIC = re.compile(r"(val_|last_)?(backbone|refined)_")


def collect(study_dir: Path) -> pd.DataFrame:
    """Read every finished or diverged run of a study and rebuild its `results.csv`.

    Folders without a `result.json` are runs that have not ended yet and are left out. The csv is replaced
    in one step, so whoever reads it sees the old or the new one and never half of one.

    Args:
        study_dir: The folder with one folder per run, and optionally a `cells.json`: the cells in
            their order.

    Returns:
        One row per run, sorted by cell (in the order of `cells.json`, the others alphabetically after them),
        overrides and seed. Missing numbers are NaN, missing texts empty.

    Raises:
        UserError: When the folder is missing or holds no ended run, or a file in it cannot be understood.
    """
    if not study_dir.is_dir():
        raise UserError(f"there is no study folder {study_dir}")
    rows = [_read_row(path) for path in sorted(study_dir.glob("*/result.json"))]
    if not rows:
        raise UserError(f"{study_dir} has no run with a result.json: no run of this study has ended yet")
    frame = _sorted(_typed(pd.DataFrame(rows)), _cell_order(study_dir / "cells.json"))
    write_atomically(study_dir / "results.csv", lambda partial: frame.to_csv(partial, index=False))
    return frame


def _read_row(path: Path) -> dict[str, Any]:
    row = _read_json(path)
    if not isinstance(row, dict):
        raise UserError(f"{path} holds a {type(row).__name__}, not one JSON object")
    missing = [name for name in REQUIRED if row.get(name) is None]
    if missing:
        raise UserError(f"{path} lacks {', '.join(missing)}")
    if row["status"] not in STATUSES:
        raise UserError(f"{path} has the status {row['status']!r}; allowed are {' and '.join(STATUSES)}")
    if not isinstance(row["seed"], int) or isinstance(row["seed"], bool):
        raise UserError(f"{path} has the seed {row['seed']!r}, which is not a whole number")
    for name, value in row.items():
        is_metric = METRIC.match(name) is not None
        if value is None or not (is_metric or LEADING.get(name) is float):
            continue
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise UserError(f"{path} has {name} = {value!r}, which is not a number")
        if is_metric and abs(value) > 1 + 1e-6:  # AMI may fall below 0; nothing may be a percentage
            raise UserError(f"{path} has {name} = {value!r}; metrics are fractions, at most 1")
    row.setdefault("overrides", "")
    return row


def _read_json(path: Path) -> Any:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, OSError) as error:
        raise UserError(f"{path} cannot be read as JSON ({error})") from error


def _typed(frame: pd.DataFrame) -> pd.DataFrame:
    """Order the columns and give each the same type whatever happens to be missing in it."""
    known = [name for name in COLUMNS if name in frame]
    unknown = sorted(str(name) for name in frame.columns if name not in COLUMNS)
    typed = frame[known + unknown].copy()
    for name in typed.columns:
        kind = float if METRIC.match(str(name)) else LEADING.get(str(name))
        if kind is str:
            typed[name] = text(typed, str(name))
        elif kind is bool:
            typed[name] = typed[name].eq(True)
        elif kind is float:
            typed[name] = typed[name].astype(float)
    return typed


def _cell_order(path: Path) -> list[str]:
    if not path.exists():
        return []
    names = _read_json(path)
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise UserError(f"{path} is not a JSON list of cell names")
    return names


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
