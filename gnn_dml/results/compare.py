"""Paired differences between any two cells, and what keeps rows of a study from being compared."""

import math
from collections.abc import Sequence
from itertools import combinations
from typing import Any, NamedTuple

import pandas as pd

from gnn_dml.errors import UserError
from gnn_dml.results.cells import Cell, cells_of, require_metric
from gnn_dml.results.intervals import Interval, holm, t_interval
from gnn_dml.results.names import is_figure, scale_of
from gnn_dml.results.pairs import paired_values, unlike_versions

COLUMNS = ("cell", "reference", "overrides", "n", "mean", "ci_low", "ci_high", "p", "p_holm", "verdict")
NAMED = 4  # how many pairs a sentence names before it only counts the rest


class Pair(NamedTuple):
    """Two cells and the paired difference `cell - reference` over the seeds that both finished, with its deviation."""

    cell: Cell
    reference: Cell
    difference: Interval
    deviation: float

    @property
    def names(self) -> str:
        """Both names, for a sentence."""
        setting = f" ({self.cell.overrides})" if self.cell.overrides else ""
        return f"{self.cell.name} and {self.reference.name}{setting}"

    @property
    def points(self) -> float:
        """The size of the difference in percentage points."""
        return 100 * abs(self.difference.mean)


def compare(
    frame: pd.DataFrame, *, metric: str = "backbone_recall@1", baseline: str | None = None, margin: float = 1.0
) -> pd.DataFrame:
    """Differences between cells, paired by seed.

    Only cells that share overrides, dataset, split and images are compared, over the seeds that both finished with the
    same versions of packages. `gnn_dml.results.summarise` says more of the comparisons with one reference.

    Args:
        frame: Rows as `collect` returns them.
        metric: The column to compare.
        baseline: Compare every other cell with this one; None compares every pair.
        margin: Within which a difference counts as none, in points.

    Returns:
        One row per pair: `cell`, `reference`, `overrides`, `n` (shared seeds), `mean` (of cell - reference,
        as a fraction), `ci_low` and `ci_high` (95 %, paired t), `p`, `p_holm` (over the rows of this frame)
        and `verdict`, `different`, `equivalent` (two one-sided tests) or `not settled`, both adjusted by Holm.

    Raises:
        UserError: When the metric or the baseline is not in the frame, or the margin is not above 0.
    """
    from gnn_dml.results.statistics import equivalence_p, verdict_of

    if not (margin > 0 and math.isfinite(margin)):
        raise UserError(f"a margin is a number of points above 0, not {margin}")
    pairs = _pairs(frame, metric, baseline)
    adjusted = holm([pair.difference.p for pair in pairs])
    near = [
        equivalence_p(pair.difference.mean, pair.deviation, pair.difference.n, margin / scale_of(metric))
        for pair in pairs
    ]
    equivalence = holm(near) if is_figure(metric) else [math.nan] * len(pairs)
    rows = [
        (
            pair.cell.name,
            pair.reference.name,
            pair.cell.overrides,
            pair.difference.n,
            pair.difference.mean,
            pair.difference.low,
            pair.difference.high,
            pair.difference.p,
            p_holm,
            verdict_of(p_holm, p_equivalence),
        )
        for pair, p_holm, p_equivalence in zip(pairs, adjusted, equivalence, strict=True)
    ]
    return pd.DataFrame(rows, columns=list(COLUMNS))


def cautions(frame: pd.DataFrame, *, seed_spread: float | None = None, metric: str = "backbone_recall@1") -> list[str]:
    """Say in plain sentences what keeps the trained cells of this study from being compared.

    What several seeds can support is said by the statistics, see `gnn_dml.results.write_report`.

    Args:
        frame: Rows as `collect` returns them.
        seed_spread: The standard deviation between seeds of one cell, as a fraction, where somebody measured
            it; used for pairs that share one seed only.
        metric: The column the differences are taken of.

    Returns:
        A handful of sentences; empty when there is nothing to warn of.

    Raises:
        UserError: When the metric is not in the frame or the spread is no fraction.
    """
    if seed_spread is not None and not 0 <= seed_spread < 1:
        raise UserError(f"seed_spread is a fraction between 0 and 1, not {seed_spread}")
    require_metric(frame, metric)
    cells = cells_of(frame)
    few = _hardly_paired([cell for cell in cells if cell.trained], metric)
    sentences = _one_seed([pair for pair in few if pair.difference.n == 1], seed_spread)
    apart = [pair for pair in few if pair.difference.n == 0]
    if apart:
        sentences.append(f"{_listed(apart)} finished no seed in common: they cannot be compared.")
    return sentences + _conditions(cells)


def _hardly_paired(cells: Sequence[Cell], metric: str) -> list[Pair]:
    """The pairs that share one seed, or none though no version keeps them apart.

    Cells of the same seeds and versions share the same with others, so that these are looked up once for each sort of
    cell: most of the pairs of hundreds of cells share more.
    """
    sorts: dict[tuple[Any, ...], int] = {}
    sort = [
        sorts.setdefault((*cell.by_seed(metric), None, *zip(cell.seeds, cell.versions, strict=True)), len(sorts))
        for cell in cells
    ]
    shared: dict[tuple[int, int], tuple[int, ...] | None] = {}
    pairs = []
    for (i, first), (j, second) in combinations(enumerate(cells), 2):
        if first.setting != second.setting:
            continue
        if (key := (sort[i], sort[j])) not in shared:
            seeds = paired_values(second, first, metric).seeds
            shared[key] = seeds if len(seeds) == 1 or not (seeds or unlike_versions(second, first)) else None
        if (seeds_of := shared[key]) is None:
            continue
        mean = second.by_seed(metric)[seeds_of[0]] - first.by_seed(metric)[seeds_of[0]] if seeds_of else math.nan
        pairs.append(Pair(second, first, Interval(len(seeds_of), mean, math.nan, math.nan), math.nan))
    return pairs


def _pairs(frame: pd.DataFrame, metric: str, baseline: str | None) -> list[Pair]:
    require_metric(frame, metric)
    cells = cells_of(frame)
    names = list(dict.fromkeys(cell.name for cell in cells))
    if baseline is not None and baseline not in names:
        raise UserError(f"there is no cell {baseline!r} to compare with; the cells are {', '.join(names)}")
    pairs = []
    for first, second in combinations(cells, 2):
        if first.setting != second.setting or baseline not in (None, first.name, second.name):
            continue
        cell, reference = (first, second) if second.name == baseline else (second, first)
        x = paired_values(cell, reference, metric).differences
        deviation = float(x.std(ddof=1)) if len(x) > 1 else math.nan
        pairs.append(Pair(cell, reference, t_interval(x), deviation))
    return pairs


def _one_seed(pairs: Sequence[Pair], spread: float | None) -> list[str]:
    if not pairs:
        return []
    sentences = ["No difference between trained rows that share only one seed is established."]
    if spread is None:
        return [*sentences, "How far a seed moves a row is not known here: run several seeds to find out."]
    enough = 100 * 2 * math.sqrt(2) * spread
    small = [pair for pair in pairs if pair.points < enough]
    why = f"one seed cannot support that (seeds move a row by ~{100 * spread:.1f} points)"
    if len(small) == 1:
        sentences.append(f"{small[0].names} differ by {small[0].points:.1f} points: {why}.")
    elif small:
        sentences.append(f"{_listed(small)} differ by less than {enough:.1f} points: {why}.")
    return sentences


def _conditions(cells: Sequence[Cell]) -> list[str]:
    sentences = []
    peeked = [cell.name for cell in cells if cell.selected_on_test]
    if peeked:
        sentences.append(f"{', '.join(dict.fromkeys(peeked))} chose the epoch on the test classes: optimistic.")
    if len({cell.setting[3] for cell in cells}) > 1:
        data = list(dict.fromkeys(cell.data for cell in cells))
        named = ", ".join(data[:NAMED]) + (f" and {len(data) - NAMED} more" if len(data) > NAMED else "")
        sentences.append(f"Rows of different images ({named}) stand apart and are not compared.")
    return sentences


def _listed(pairs: Sequence[Pair]) -> str:
    """Name the pairs, the largest differences first, and only count what would make the sentence long."""
    ranked = sorted(pairs, key=lambda pair: -pair.points if pair.difference.n else 0.0)
    named = [f"{pair.names} ({pair.points:.1f} points)" if pair.difference.n else pair.names for pair in ranked[:NAMED]]
    rest = len(ranked) - len(named)
    if rest:
        return f"{'; '.join(named)}; and {rest} smaller {'one' if rest == 1 else 'ones'}"
    return "; ".join(named)
