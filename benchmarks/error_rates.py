"""How often the statistics of a study are wrong: many studies drawn from a known truth, with and without differences.

    python benchmarks/error_rates.py --studies 10000 --out rates.csv

A study has a reference and nine cells of a few seeds. Cells share what a seed does to all of them, and each has a true
difference. Counted are, over the studies: false findings (any cell called different that is not), true findings, false
equivalence (a cell at the margin called equivalent), simultaneous intervals that all hold the truth, and the bootstrap
interval of one cell.

How far other test classes would move a figure is a question of its own. Its studies draw classes with their queries,
each with its true difference, and count the intervals of the bootstrap by class that hold the mean over all classes.
"""

from __future__ import annotations

import argparse
import math
from pathlib import Path

import numpy as np
import pandas as pd
from scipy import stats

from gnn_dml.results.intervals import holm
from gnn_dml.results.statistics import clustered_intervals, equivalence_p, paired
from gnn_dml.results.statistics.bootstrap import bootstrap_intervals
from gnn_dml.results.statistics.family import ALPHA

CELLS = 9
MARGIN = 1.0
TRUTHS = {
    "no difference": (0.0,) * CELLS,
    "three of nine differ by 1.5": (1.5,) * 3 + (0.0,) * 6,
    "all at the margin": (MARGIN,) * CELLS,
}
"""True differences in points; seeds move a difference by a standard deviation of one point."""

SHAPES = {
    "classes, bell-shaped": lambda rng, shape: rng.normal(0, 1, shape),
    "classes, skewed": lambda rng, shape: rng.exponential(1, shape) - 1,
    "classes, few differ": lambda rng, shape: rng.exponential(5, shape) * (rng.random(shape) < 0.2) - 1,
}
"""How the differences of classes lie around their mean, which is 0."""

QUERIES = (2, 30)
"""Of a class, each number equally likely; below the second."""

SHARED = 500
"""Studies whose classes have the same queries, at once."""


def main() -> None:
    """Draw, count, print and write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--studies", type=int, default=10_000, help="studies of each kind (10000)")
    parser.add_argument("--seeds", type=int, nargs="+", default=[5, 10], help="seeds of a study (5 10)")
    parser.add_argument("--classes", type=int, nargs="+", default=[20, 100, 400], help="test classes (20 100 400)")
    parser.add_argument("--out", type=Path, default=Path("error_rates.csv"), help="the CSV (error_rates.csv)")
    arguments = parser.parse_args()
    rows = [
        rates(name, np.array(truth), seeds, arguments.studies)
        for name, truth in TRUTHS.items()
        for seeds in arguments.seeds
    ]
    rows += [class_rates(name, count, arguments.studies) for name in SHAPES for count in arguments.classes]
    frame = pd.DataFrame(rows).astype({"seeds": "Int64", "classes": "Int64"})
    frame.to_csv(arguments.out, index=False)
    print(frame.to_string(index=False, na_rep="-", float_format=lambda x: f"{100 * x:.1f} %"))


def rates(name: str, truth: np.ndarray, seeds: int, studies: int) -> dict[str, object]:
    """The counts of one kind of study, as shares."""
    rng = np.random.default_rng(0)
    x = truth[:, None] + draw_differences(rng, studies, seeds)
    mean, deviation = x.mean(axis=2), x.std(axis=2, ddof=1)
    error = deviation / math.sqrt(seeds)
    p = 2 * stats.t.sf(abs(mean) / error, seeds - 1)
    adjusted = np.array([holm(list(row)) for row in p])
    half = stats.t.ppf(1 - ALPHA / CELLS / 2, seeds - 1) * error
    one_sided = stats.t.sf((MARGIN - abs(mean)) / error, seeds - 1)
    equal = np.array([holm(list(row)) for row in one_sided]) < ALPHA
    _check_same(x[0], p[0], one_sided[0])
    null = truth == 0
    low, high = bootstrap_intervals(x[:, 0])
    nan = math.nan
    return {
        "truth": name,
        "seeds": seeds,
        "studies": studies,
        "unadjusted": float((p[:, null] < ALPHA).any(axis=1).mean()) if null.any() else nan,
        "false finding": float((adjusted[:, null] < ALPHA).any(axis=1).mean()) if null.any() else nan,
        "found": float((adjusted[:, ~null] < ALPHA).mean()) if (~null).any() else nan,
        "false equivalence": float(equal.any(axis=1).mean()) if (truth == MARGIN).all() else nan,
        "intervals hold": float((abs(mean - truth) <= half).all(axis=1).mean()),
        "bootstrap holds": float(((low <= truth[0]) & (truth[0] <= high)).mean()),
    }


def class_rates(name: str, classes: int, studies: int) -> dict[str, object]:
    """How often the interval over draws of the classes holds the mean over all classes there could be."""
    rng = np.random.default_rng(0)
    held = 0
    for start in range(0, studies, SHARED):
        queries = rng.integers(*QUERIES, classes)
        x = SHAPES[name](rng, (min(SHARED, studies - start), classes))
        low, high = clustered_intervals(x, queries)
        held += int(((low <= 0) & (high >= 0)).sum())
    return {"truth": name, "classes": classes, "studies": studies, "class bootstrap holds": held / studies}


def draw_differences(rng: np.random.Generator, studies: int, seeds: int) -> np.ndarray:
    """Noise (studies, cells, seeds) of deviation 1, half of its variance the reference's, which all cells share."""
    shared = rng.normal(0, math.sqrt(0.5), (studies, 1, seeds))
    return rng.normal(0, math.sqrt(0.5), (studies, CELLS, seeds)) - shared


def _check_same(x: np.ndarray, p: np.ndarray, one_sided: np.ndarray) -> None:
    """What is computed here for all studies at once is what the package says of one."""
    for row, expected, equivalence in zip(x, p, one_sided, strict=True):
        one = paired(row, resamples=99)
        assert math.isclose(one.p_t, expected, rel_tol=1e-9)
        assert math.isclose(equivalence_p(one.mean, one.deviation, one.n, MARGIN), equivalence, rel_tol=1e-9)


if __name__ == "__main__":
    main()
