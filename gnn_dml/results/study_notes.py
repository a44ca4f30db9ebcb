"""What a study says of itself in its `study.json`: its question, and how its cells are to be compared."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

FILE = "study.json"


@dataclass(frozen=True)
class StudyNotes:
    """What is known of a study; everything may be missing.

    Attributes:
        name: Of the study.
        question: That it answers.
        reference: Name of the cell that the others are compared with.
        margin: Within which a difference counts as none, in points.
        metrics: Columns to compare, the first of them in sentences.
        cells: Names in their order.
        factors: Of a grid: by cell, its settings.
        damaged: A sentence for each part that cannot be understood and is passed over.
    """

    name: str = ""
    question: str = ""
    reference: str | None = None
    margin: float | None = None
    metrics: tuple[str, ...] = ()
    cells: tuple[str, ...] = ()
    factors: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    damaged: tuple[str, ...] = ()


def read_study_notes(folder: Path) -> StudyNotes:
    """Read the file in the folder of a study; nothing in it can end a report.

    Args:
        folder: Of the study; without such a file, nothing is known.
    """
    path = folder / FILE
    try:
        held = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return StudyNotes()
    except (OSError, ValueError, RecursionError) as error:
        return StudyNotes(damaged=(f"{path} cannot be read as JSON ({error}) and is passed over",))
    if not isinstance(held, dict):
        return StudyNotes(damaged=(f"{path} is no JSON object and is passed over",))
    known, damaged = {}, []
    for name, (understands, what, make) in _PARTS.items():
        value = held.get(name)
        if value is None:
            continue
        if understands(value):
            known[name] = make(value)
        else:
            damaged.append(f"{path} has {name} = {str(value)[:60]!r}, which is not {what}, and is passed over")
    return StudyNotes(**known, damaged=tuple(damaged))


def _is_text(value: Any) -> bool:
    return isinstance(value, str)


def _are_texts(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(one, str) for one in value)


def _is_margin(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 < value < math.inf


def _are_factors(value: Any) -> bool:
    return isinstance(value, dict) and all(isinstance(settings, dict) for settings in value.values())


_PARTS: dict[str, tuple[Callable[[Any], bool], str, Callable[[Any], Any]]] = {
    "name": (_is_text, "a text", str),
    "question": (_is_text, "a text", str),
    "reference": (_is_text, "the name of a cell", str),
    "margin": (_is_margin, "a number of points above 0", float),
    "metrics": (_are_texts, "a list of columns", tuple),
    "cells": (_are_texts, "a list of cells", tuple),
    "factors": (_are_factors, "an object with the settings of each cell", dict),
}
