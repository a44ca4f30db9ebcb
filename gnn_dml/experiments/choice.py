"""The choice of the epoch, and in a sentence what keeps it, or the test, from meaning something."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from gnn_dml.data.counts import SplitCounts, count_split
from gnn_dml.experiments.build import RunSplits

Config = Mapping[str, Any]
Rows = Sequence[Mapping[str, Any]]

FEW_CLASSES = 2
"""Classes among which nearly every embedding finds its neighbours."""

_NAMES = {"train": "training", "val": "validation", "test": "test"}
_MORE = {
    "val": "hold out more classes with protocol.val_share or protocol.val_least, or take the last epoch with "
    "protocol.select_on=none",
    "test": "give more test classes",
    "train": "give more classes",
}


def best_epoch(rows: Rows, protocol: Config) -> int:
    """The epoch with the highest selecting metric.

    Of equal ones the first with `ties=first`, as published; else that with the higher MAP@R, then the later one. The
    last epoch is taken where the metric is no number in any epoch, or nothing is to select (`select_on=none`).

    Args:
        rows: One per epoch, at least one.
        protocol: `select_on`, `select_by` and `ties` of it.
    """
    by, tie = _metrics(protocol)
    if protocol.get("ties") == "first" and any(_number(row, by) > -math.inf for row in rows):
        return int(max(rows, key=lambda row: _number(row, by))["epoch"])
    best = max(rows, key=lambda row: (_number(row, by), _number(row, tie), row["epoch"]))
    return int(best["epoch"])


def weakness_of(part: str, counts: SplitCounts) -> str:
    """What keeps a part from telling good embeddings from bad, known before training; empty where nothing does.

    Args:
        part: "train", "val" or "test".
        counts: Of its split.
    """
    name = _NAMES[part]
    if not counts.answered:
        return (
            f"no query of the {name} part has an image of its class to find, so nothing can be measured there: give "
            "its classes two or more images each, or other classes"
        )
    if counts.classes == 1:
        return f"the {name} part has one class, in which every neighbour is right: {_MORE[part]}"
    if counts.classes <= FEW_CLASSES:
        return f"the {name} part has {counts.classes} classes, in which most neighbours are right: {_MORE[part]}"
    return ""


def weaknesses(protocol: Config, data: RunSplits) -> list[str]:
    """What keeps the parts of a run from telling good embeddings from bad, in a sentence each."""
    notes = (select_weakness(protocol, data), test_weakness(data))
    return [note for note in dict.fromkeys(notes) if note]


def select_weakness(protocol: Config, data: RunSplits) -> str:
    """The same of the part that chooses the epoch; empty where no epoch is to choose."""
    if data.select is None or not protocol["epochs"]:
        return ""
    return weakness_of(protocol["select_on"], count_split(data.select))


def test_weakness(data: RunSplits) -> str:
    """The same of the test part."""
    return "" if data.test is None else weakness_of("test", count_split(data.test))


def choice_note(rows: Rows, protocol: Config) -> str:
    """What the metrics of the epochs say against their choice; empty where nothing does."""
    by, tie = _metrics(protocol)
    if protocol["select_on"] == "none" or len(rows) < 2:
        return ""
    found, ties = [_number(row, by) for row in rows], [_number(row, tie) for row in rows]
    chosen = best_epoch(rows, protocol)
    if max(found) == -math.inf:
        return f"{by} is no number in any epoch, so epoch {chosen} was taken as the last"
    if min(found) < max(found):
        return ""
    how = f"for the highest {tie}" if by != tie and min(ties) < max(ties) else "as the last"
    return f"{by} is {100 * max(found):.1f} % in every epoch and chooses none: epoch {chosen} was taken {how}"


def join_notes(*notes: str) -> str:
    """Several sentences as one text."""
    return "; ".join(note for note in notes if note)


def _metrics(protocol: Config) -> tuple[str, str]:
    """The columns of a row per epoch that choose and that decide between equals."""
    by = f"{protocol['select_on']}_{protocol['select_by']}"
    branch = by.rpartition("_recall@")[0] or by.removesuffix("_map@r").removesuffix("_r_precision")
    return by, f"{branch}_map@r"


def _number(row: Mapping[str, Any], name: str) -> float:
    """A metric; below every number where it is none."""
    value = row.get(name)
    return -math.inf if value is None or math.isnan(value) else float(value)
