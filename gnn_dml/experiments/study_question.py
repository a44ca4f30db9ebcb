"""What a study asks: a sentence, the cell that the others are compared with, the margin, the columns compared."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from pathlib import Path

from gnn_dml.columns import BRANCHES, KINDS
from gnn_dml.config.names import suggestion
from gnn_dml.errors import UserError
from gnn_dml.text import show_name

MARGIN = 1.0
"""Percentage points within which two cells count as equivalent."""

REFERENCE = "complete"
"""The cell that is the reference where a study names none and has one of this name."""

METRICS = ("backbone_recall@1", "backbone_map@r", "refined_recall@1", "refined_map@r")
"""The columns that are compared where a study names none; those of a refiner where there is one."""

_FIGURE = re.compile(rf"({'|'.join(map(re.escape, BRANCHES))})(recall@[1-9]\d*|map@r|r_precision|nmi|ami)")
_LONGEST = 1000
"""Characters of a question."""


def check_question(path: Path, value: object) -> str:
    """A sentence.

    Raises:
        UserError: If it is something else.
    """
    if value is None:
        return ""
    if not isinstance(value, str) or len(value) > _LONGEST:
        raise UserError(f"{path}: question must be a sentence in quotes, of at most {_LONGEST} characters")
    return " ".join(value.split())


def check_reference(path: Path, value: object, cells: Sequence[str]) -> str | None:
    """The name of a cell.

    Raises:
        UserError: If there is none of that name.
    """
    if value is None:
        return REFERENCE if REFERENCE in cells else None
    if not isinstance(value, str) or value not in cells:
        raise UserError(f"{path}: reference {show_name(str(value))!r} is none of its cells. {name_cells(cells, value)}")
    return value


def check_margin(path: Path, value: object) -> float:
    """Percentage points above 0.

    Raises:
        UserError: If it is something else.
    """
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not (0 < value < 100 and math.isfinite(value)):
        raise UserError(f"{path}: margin must be percentage points above 0 and below 100, such as 1.0")
    return float(value)


def check_metrics(path: Path, value: object) -> tuple[str, ...]:
    """Names of columns with figures.

    Raises:
        UserError: If one is none.
    """
    if not isinstance(value, list) or not value or any(not isinstance(name, str) for name in value):
        raise UserError(f"{path}: metrics must be a list of columns like [backbone_recall@1, refined_map@r]")
    for name in value:
        if KINDS.get(name) not in (int, float) and not _FIGURE.fullmatch(name):
            known = [f"{branch}{figure}" for branch in BRANCHES for figure in ("recall@1", "map@r", "nmi")]
            raise UserError(
                f"{path}: {show_name(name)!r} is no column of figures; such are {', '.join(METRICS)} and the others of "
                f"docs/columns.md.{suggestion(name, known)}"
            )
    return tuple(dict.fromkeys(value))


def name_cells(cells: Sequence[str], word: object = "") -> str:
    """The cells that there are, the first of many, and which one may have been meant."""
    shown = [show_name(cell) for cell in cells]
    first = f"{', '.join(shown[:20])}{', ...' if len(shown) > 20 else ''}"
    return f"It has {first}.{suggestion(str(word), shown)}"
