"""What the statistics of a study say, in sentences."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import pandas as pd

from gnn_dml.results.names import is_figure, metric_name, scale_of
from gnn_dml.results.statistics.family import ALPHA

NAMED = 6
"""Cells that a sentence names before it only counts the rest."""


def describe_difference(row: Mapping[str, Any]) -> str:
    """One row of `differences.csv` as a sentence, without its full stop.

    >>> row = {"cell": "kNN", "reference": "complete", "metric": "refined_map@r", "n": 10, "mean": 0.006,
    ...        "ci_low": 0.001, "ci_high": 0.011, "verdict": "different", "within_margin": False, "margin": 0.01}
    >>> describe_difference(row)
    'kNN is 0.6 points above complete in refined MAP@R, 95 % 0.1 to 1.1, 10 seeds: different after Holm'
    """
    if row["n"] == 0:
        return f"{row['cell']} and {row['reference']} have no seed in common in {metric_name(row['metric'])}"
    if row["n"] == 1:
        return f"{_size(row)}, 1 seed: no interval and no verdict"
    ends = f"95 % {_number(row['ci_low'], row)} to {_number(row['ci_high'], row)}"
    return f"{_size(row)}, {ends}, {row['n']} seeds: {_verdict(row)}"


def _size(row: Mapping[str, Any]) -> str:
    mean, unit = row["mean"], " points" if is_figure(row["metric"]) else ""
    where = "above" if mean > 0 else "below"
    if mean == 0:
        return f"{row['cell']} equals {row['reference']} in {metric_name(row['metric'])}"
    return (
        f"{row['cell']} is {_number(abs(mean), row)}{unit} {where} {row['reference']} in {metric_name(row['metric'])}"
    )


def _number(value: float, row: Mapping[str, Any]) -> str:
    """In points with a digit behind the point, with two where all would be zero; other columns with three digits."""
    scaled = scale_of(row["metric"]) * value
    if not is_figure(row["metric"]):
        return f"{scaled:.3g}"
    return f"{scaled:.2f}" if abs(100 * row["mean"]) < 0.05 else f"{round(scaled, 1) + 0.0:.1f}"


def _verdict(row: Mapping[str, Any]) -> str:
    margin = f"within {points_of(100 * row['margin'])}" if is_figure(row["metric"]) else ""
    if row["verdict"] == "different":
        return "different after Holm" + (f", and {margin}" if row["within_margin"] else "")
    if row["verdict"] == "equivalent":
        return f"equivalent {margin} after Holm"
    return "not settled"


def points_of(points: float) -> str:
    """A number of points in words."""
    return "1 point" if math.isclose(points, 1) else f"{points:g} points"


def seeds_for_exact(comparisons: int) -> int:
    """The seeds with which the exact test of so many comparisons, corrected together, can go below 5 %.

    >>> seeds_for_exact(1), seeds_for_exact(9)
    (6, 9)
    """
    return math.ceil(math.log2(2 * max(1, comparisons) / ALPHA))


def exact_limits(differences: pd.DataFrame) -> Iterator[str]:
    """What the exact test cannot say with the fewest seeds of those corrected together, where that is so."""
    several = differences[differences["n"] > 1].sort_values("n")
    for _, rows in several.groupby("comparisons", sort=False):
        n, comparisons = int(rows["n"].iloc[0]), int(rows["comparisons"].iloc[0])
        least = 2 / 2**n
        if least * comparisons > ALPHA:
            wants = f"{comparisons} comparisons want" if comparisons > 1 else "1 comparison wants"
            yield (
                f"In the exact permutation test {n} seeds never go below p = {least:.4g}; {wants} "
                f"{seeds_for_exact(comparisons)} seeds"
            )


def power_limits(differences: pd.DataFrame) -> Iterator[str]:
    """What so many seeds can see, and how many the differences seen would want, of rows that are not settled."""
    open_ = differences[(differences["verdict"] == "not settled") & (differences["n"] > 1)]
    for _, rows in open_.groupby(["reference", "overrides", "dataset", "split", "data", "metric"], sort=False):
        first = rows.iloc[0]
        unit = "points " if is_figure(first["metric"]) else ""
        seen = scale_of(first["metric"]) * rows["smallest_difference"]
        size = (
            f"{seen.min():.2g}"
            if f"{seen.min():.2g}" == f"{seen.max():.2g}"
            else f"{seen.min():.2g} to {seen.max():.2g}"
        )
        ordered = rows.sort_values("seeds_needed", kind="stable")
        wanted = [
            f"{cell} {_many(seeds)}" for cell, seeds in zip(ordered["cell"], ordered["seeds_needed"], strict=True)
        ]
        yield (
            f"Not settled in {metric_name(first['metric'])}: so many seeds find a difference of {size} {unit}"
            f"in 80 % of studies; one as large as seen takes this many seeds: {listed(wanted)}"
        )


def _many(seeds: Any) -> str:
    return "more than 1000" if pd.isna(seeds) or seeds > 1000 else str(seeds)


def count_verdicts(rows: pd.DataFrame) -> str:
    """The verdicts of one metric in a line, cells by verdict."""
    metric = rows["metric"].iloc[0]
    parts = []
    for verdict in ("different", "equivalent", "not settled"):
        of = rows[(rows["verdict"] == verdict) & (rows["n"] > 1)]
        means = list(zip(of["cell"], of["mean"], strict=True))
        cells = [f"{cell} {mean:+.3g}" for cell, mean in means]
        if is_figure(metric):
            cells = [f"{cell} {round(100 * mean, 1) + 0.0:+.1f}" for cell, mean in means]
        if cells:
            parts.append(f"{verdict} {listed(cells)}")
    return f"{metric_name(metric)} against {rows['reference'].iloc[0]}: {'; '.join(parts) or 'nothing to compare'}"


def listed(names: Sequence[str]) -> str:
    """The first names, and how many more there are."""
    rest = len(names) - NAMED
    return ", ".join(names[:NAMED]) + (f" and {rest} more" if rest > 0 else "")
