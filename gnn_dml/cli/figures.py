"""The figures of embeddings as a table, as JSON and as rows of a CSV file."""

from __future__ import annotations

import csv
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gnn_dml.atomic import write_atomically
from gnn_dml.errors import UserError
from gnn_dml.experiments.execute import percent

SPACE = {
    "alignment": "alignment",
    "uniformity": "uniformity",
    "spectral_decay": "spectral decay",
    "intra_inter_ratio": "intra / inter",
}
"""Diagnostics of a space of embeddings, and what the table calls them."""


@dataclass(frozen=True)
class Figures:
    """What was measured of one embedding.

    Attributes:
        model: Whose it is.
        embedding: "backbone", "refined", or "embeddings" for one from elsewhere.
        channels: Of the embedding.
        scores: Metrics in [0, 1]; None where there is no number.
        space: Diagnostics likewise; empty where they were not asked for.
        unmatched: Queries whose class has no other image to find.
    """

    model: str
    embedding: str
    channels: int
    scores: Mapping[str, float | None]
    space: Mapping[str, float | None]
    unmatched: int


def without_nan(found: Mapping[str, float]) -> dict[str, float | None]:
    """None in the place of NaN, which stands where there was nothing to measure."""
    return {name: None if math.isnan(value) else value for name, value in found.items()}


def table(columns: Sequence[Figures]) -> str:
    """A column per embedding; of two also their difference. Metrics in percent, then the diagnostics."""
    pair = len(columns) == 2
    lines = [_line("", [one.embedding for one in columns], "difference" if pair else "")]
    for name in columns[0].scores:
        values = [one.scores[name] for one in columns]
        lines.append(_line(name, [percent(value) for value in values], _difference(values, 100, 1) if pair else ""))
    shown = [name for name in SPACE if all(name in one.space for one in columns)]
    if shown:
        lines.append("")
    for name in shown:
        values = [one.space[name] for one in columns]
        cells = ["-" if value is None else f"{value:.3f}" for value in values]
        lines.append(_line(SPACE[name], cells, _difference(values, 1, 3) if pair else ""))
    return "\n".join(lines)


def member_table(members: Sequence[Sequence[Figures]]) -> str:
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


def as_json(figures: Sequence[Figures]) -> dict[str, Any]:
    """The figures under flat names, `backbone_recall@1` and so on; plain `recall@1` for an embedding from elsewhere."""
    out: dict[str, Any] = {}
    for one in figures:
        prefix = "" if one.embedding == "embeddings" else f"{one.embedding}_"
        out |= {f"{prefix}{name}": _finite(value) for name, value in {**one.scores, **one.space}.items()}
    return {**out, "unmatched": figures[0].unmatched}


def write_csv(path: Path, figures: Sequence[Figures], **same: Any) -> None:
    """A row per embedding, with equal columns; `same` stands in every row.

    Raises:
        UserError: If the file cannot be written.
    """
    names = list(dict.fromkeys(name for one in figures for name in (*one.scores, *one.space)))
    rows = [
        {
            "model": one.model,
            "embedding": one.embedding,
            **same,
            "channels": one.channels,
            **{name: {**one.scores, **one.space}.get(name) for name in names},
            "unmatched": one.unmatched,
        }
        for one in figures
    ]

    def write(partial: Path) -> None:
        with partial.open("w", encoding="utf-8", newline="") as file:
            writer = csv.DictWriter(file, list(rows[0]), lineterminator="\n")
            writer.writeheader()
            writer.writerows(rows)

    try:
        write_atomically(path, write)
    except OSError as error:
        raise UserError(f"cannot write {path}: {error}") from error


def _line(name: str, cells: Sequence[str], difference: str) -> str:
    shown = "".join(f" {cell:>10}" for cell in cells) + f" {difference:>11}"
    return f"{name:<15}{shown}".rstrip()


def _difference(values: Sequence[float | None], scale: float, digits: int) -> str:
    first, second = map(_finite, values)
    return "-" if first is None or second is None else f"{scale * (second - first):+.{digits}f}"


def _finite(value: float | None) -> float | None:
    """JSON has no infinity."""
    return value if value is not None and math.isfinite(value) else None
