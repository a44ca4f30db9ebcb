"""What was measured of embeddings, as tables of text."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

from gnn_dml.experiments.execute import percent

if TYPE_CHECKING:
    from gnn_dml.evaluation.measurement import Measurement

DIAGNOSTICS = {
    "alignment": "alignment",
    "uniformity": "uniformity",
    "spectral_decay": "spectral decay",
    "intra_inter_ratio": "intra / inter",
}
"""Diagnostics of a space of embeddings, and what the table calls them."""


def format_table(columns: Sequence[Measurement]) -> str:
    """A column per embedding; of two also their difference. Metrics in percent, then the diagnostics."""
    pair = len(columns) == 2
    lines = [_line("", [one.embedding for one in columns], "difference" if pair else "")]
    for name in columns[0].scores:
        values = [one.scores[name] for one in columns]
        lines.append(_line(name, [percent(value) for value in values], _difference(values, 100, 1) if pair else ""))
    shown = [name for name in DIAGNOSTICS if all(name in one.diagnostics for one in columns)]
    if shown:
        lines.append("")
    for name in shown:
        values = [one.diagnostics[name] for one in columns]
        cells = ["-" if value is None else f"{value:.3f}" for value in values]
        lines.append(_line(DIAGNOSTICS[name], cells, _difference(values, 1, 3) if pair else ""))
    return "\n".join(lines)


def format_members(members: Sequence[Sequence[Measurement]]) -> str:
    """A line per member of an ensemble: its first Recall@K and its MAP@R, of each of its embeddings."""
    names = [next(iter(members[0][0].scores)), "map@r"]
    branches = list(dict.fromkeys(one.embedding for member in members for one in member))
    heads = [f"{name} {branch}" for name in names for branch in branches]
    lines = ["  ".join([*heads, "member"])]
    for member in members:
        held = {one.embedding: one.scores for one in member}
        values = [held[branch][name] if branch in held else None for name in names for branch in branches]
        cells = [f"{percent(value):>{len(head)}}" for value, head in zip(values, heads, strict=True)]
        lines.append("  ".join([*cells, member[0].model]))
    return "\n".join(lines)


def format_methods(methods: Sequence[Measurement]) -> str:
    """A line per method, a column per metric, in percent."""
    names = list(methods[0].scores)
    lines = [_line("", names, "")]
    lines += [_line(one.embedding, [percent(one.scores[name]) for name in names], "") for one in methods]
    return "\n".join(lines)


def _line(name: str, cells: Sequence[str], difference: str) -> str:
    shown = "".join(f" {cell:>10}" for cell in cells) + f" {difference:>11}"
    return f"{name:<15}{shown}".rstrip()


def _difference(values: Sequence[float | None], scale: float, digits: int) -> str:
    first, second = values
    if first is None or second is None or not math.isfinite(second - first):
        return "-"
    return f"{scale * (second - first):+.{digits}f}"
