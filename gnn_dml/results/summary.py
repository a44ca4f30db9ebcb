"""The statistics of a study as two frames: each cell by itself, and each against the reference."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from gnn_dml.columns import CELL_COLUMNS, DIFFERENCE_COLUMNS, Column
from gnn_dml.errors import UserError
from gnn_dml.results.by_class import ClassReader, FolderOf, class_intervals
from gnn_dml.results.cells import Cell, cells_of, require_metric
from gnn_dml.results.intervals import t_interval
from gnn_dml.results.names import is_figure, scale_of
from gnn_dml.results.pairs import Section, make_sections, paired_values
from gnn_dml.results.ranks import mean_ranks
from gnn_dml.results.sentences import describe_difference
from gnn_dml.results.statistics import Compared, family
from gnn_dml.text import show_name

METRICS = ("refined_map@r", "refined_recall@1", "backbone_map@r", "backbone_recall@1")
"""Compared where nobody names others, the first of them in sentences; of those that were measured."""

NO_INTERVAL = (math.nan, math.nan)


@dataclass(frozen=True)
class Summary:
    """What a study says.

    Attributes:
        cells: A row per cell and metric, with the columns of `gnn_dml.columns.CELL_COLUMNS`.
        differences: A row per cell but the reference and metric, with those of `DIFFERENCE_COLUMNS`.
        sections: The cells that were compared with each other.
        metrics: That they were compared in.
        margin: Of equivalence, in points.
        mix_versions: Whether runs of other versions were paired.
        classless: Names of cells with runs that have no figures by class.
    """

    cells: pd.DataFrame
    differences: pd.DataFrame
    sections: tuple[Section, ...]
    metrics: tuple[str, ...]
    margin: float
    mix_versions: bool
    classless: tuple[str, ...]


def summarise(
    frame: pd.DataFrame,
    *,
    reference: str | None = None,
    margin: float = 1.0,
    metrics: Sequence[str] | None = None,
    folder_of: FolderOf = lambda run_id: None,
    mix_versions: bool = False,
) -> Summary:
    """Describe the cells of a study and compare each with the reference, paired by seed.

    Only cells that share overrides, dataset, split and images are compared, and only runs of the same versions. The
    comparisons of such cells in all metrics are corrected together. Diverged runs are left out.

    Args:
        frame: Rows as `collect` returns them.
        reference: Name of a cell; None is `complete`, or the first where there is no such cell.
        margin: Within which a difference counts as none, in points; columns that are no figures have none.
        metrics: Columns of numbers; None is `METRICS` as far as measured.
        folder_of: The folder of a run by its run_id, for its figures by class.
        mix_versions: Pair runs of other versions of packages too.

    Raises:
        UserError: When the reference or a metric is not in the frame, a margin is not above 0, or a cell has a seed
            twice.
    """
    if not (margin > 0 and math.isfinite(margin)):
        raise UserError(f"a margin is a number of points above 0, not {margin}")
    chosen = choose_metrics(frame, metrics)
    sections = tuple(make_sections(cells_of(frame), reference))
    reader = ClassReader(folder_of, chosen)
    described, compared = [], []
    for section in sections:
        described += list(_describe(section, chosen, reader))
        compared += list(_compare(section, chosen, margin, reader, mix_versions))
    finished = [cell for section in sections for cell in section.cells if cell.diverged < len(cell)]
    classless = [cell.name for cell in finished if any(reader.lacks(run_id) for run_id in _runs(cell))]
    return Summary(
        make_frame(described, CELL_COLUMNS),
        make_frame(compared, DIFFERENCE_COLUMNS),
        sections,
        chosen,
        margin,
        mix_versions,
        tuple(dict.fromkeys(classless)),
    )


def choose_metrics(frame: pd.DataFrame, metrics: Sequence[str] | None) -> tuple[str, ...]:
    """The metrics asked for, each once, or those of `METRICS` that were measured.

    Raises:
        UserError: When one is not a column of numbers.
    """
    if metrics:
        for metric in metrics:
            require_metric(frame, metric)
        return tuple(dict.fromkeys(metrics))
    return tuple(metric for metric in METRICS if metric in frame and frame[metric].notna().any())


def make_frame(rows: Sequence[dict[str, Any]], columns: Sequence[Column]) -> pd.DataFrame:
    """Rows with the columns of a schema, each of its type; whole numbers stay whole beside missing ones."""
    types: dict[type, Any] = {str: object, int: "Int64", float: float, bool: bool}
    return pd.DataFrame({c.name: pd.Series([row[c.name] for row in rows], dtype=types[c.kind]) for c in columns})


def _describe(section: Section, metrics: Sequence[str], reader: ClassReader) -> Iterator[dict[str, Any]]:
    values = {
        (metric, cell.name): cell.by_seed(metric)
        for metric in metrics
        for cell in section.cells
        if _measures(cell, metric)
    }
    cells = {cell.name: cell for cell in section.cells}
    means = {key: reader.means(_ids(cells[key[1]], own), key[0]) for key, own in values.items() if own}
    intervals = class_intervals({key: one for key, one in means.items() if one is not None})
    ranks = {
        metric: mean_ranks({name: own for (of, name), own in values.items() if of == metric}) for metric in metrics
    }
    for (metric, name), own in values.items():
        x = np.array(list(own.values()), dtype=float)
        interval = t_interval(x)
        low, high = intervals.get((metric, name), NO_INTERVAL)
        yield {
            "cell": name,
            **_where(cells[name]),
            "metric": metric,
            "n": interval.n,
            "diverged": cells[name].diverged,
            "mean": interval.mean,
            "sd": float(x.std(ddof=1)) if len(x) > 1 else math.nan,
            "ci_low": interval.low,
            "ci_high": interval.high,
            "class_low": low,
            "class_high": high,
            "mean_rank": ranks[metric].ranks.get(name, math.nan),
            "rank_seeds": ranks[metric].seeds if name in ranks[metric].ranks else 0,
            "is_reference": cells[name] is section.reference,
        }


def _compare(
    section: Section, metrics: Sequence[str], margin: float, reader: ClassReader, mix_versions: bool
) -> Iterator[dict[str, Any]]:
    reference = section.reference
    if reference is None:
        return
    cells = {cell.name: cell for cell in section.others}
    pairs = {
        (metric, cell.name): paired_values(cell, reference, metric, mix_versions=mix_versions)
        for metric in metrics
        for cell in section.others
        if _measures(cell, metric) and _measures(reference, metric)
    }
    found = family(
        {key: scale_of(key[0]) * both.differences for key, both in pairs.items()},
        margin={key: margin for key in pairs if is_figure(key[0])},
    )
    differences = {
        key: reader.difference(_ids(cells[key[1]], both.seeds), _ids(reference, both.seeds), key[0])
        for key, both in pairs.items()
        if both.seeds
    }
    by_class = {key: one for key, one in differences.items() if one is not None}
    intervals = class_intervals(by_class)
    for (metric, name), one in found.items():
        low, high = intervals.get((metric, name), NO_INTERVAL)
        row = {
            "cell": name,
            "reference": reference.name,
            **_where(reference),
            "metric": metric,
            **_numbers(one, scale_of(metric)),
            "class_low": low,
            "class_high": high,
            "classes": len(by_class[metric, name].classes) if (metric, name) in by_class else None,
        }
        yield {**row, "sentence": describe_difference(row)}


def _numbers(one: Compared, scale: float) -> dict[str, Any]:
    """A comparison in the unit of results.csv."""
    alone = one.alone
    return {
        "n": alone.n,
        "mean": alone.mean / scale,
        "sd": alone.deviation / scale,
        "ci_low": alone.low / scale,
        "ci_high": alone.high / scale,
        "p": alone.p_t,
        "bootstrap_low": alone.bootstrap_low / scale,
        "bootstrap_high": alone.bootstrap_high / scale,
        "p_exact": alone.p_exact,
        "p_exact_least": alone.p_least,
        "comparisons": one.together,
        "p_holm": one.p_holm,
        "p_exact_holm": one.p_exact_holm,
        "simultaneous_low": one.low / scale,
        "simultaneous_high": one.high / scale,
        "margin": one.margin / scale,
        "p_equivalence": one.p_equivalence,
        "verdict": one.verdict,
        "within_margin": one.within,
        "smallest_difference": one.smallest / scale,
        "seeds_needed": one.needed,
    }


def _measures(cell: Cell, metric: str) -> bool:
    """Whether a cell has a place for a metric: it measured it, or none of its runs came so far."""
    return len(cell.by_seed(metric)) > 0 or cell.diverged == len(cell)


def _where(cell: Cell) -> dict[str, str]:
    overrides, dataset, split, _ = cell.setting
    return {"overrides": overrides, "dataset": dataset, "split": split, "data": show_name(cell.data)}


def _ids(cell: Cell, seeds: Iterable[int]) -> list[str]:
    """The run_ids of seeds of a cell."""
    ids = dict(zip(cell.seeds, cell.text("run_id"), strict=True))
    return [ids[seed] for seed in seeds]


def _runs(cell: Cell) -> list[str]:
    pairs = zip(cell.text("run_id"), cell.text("status"), strict=True)
    return [run_id for run_id, status in pairs if status != "diverged"]
