"""Comparisons that are looked at together: adjusted p-values, simultaneous intervals, and one verdict for each.

Legend: m comparisons that could be made, of n seeds each.
"""

from __future__ import annotations

import math
from collections.abc import Hashable, Mapping
from dataclasses import dataclass
from typing import Literal, TypeVar

from numpy.typing import ArrayLike
from scipy import special  # type: ignore[import-untyped, unused-ignore]  # scipy.stats takes a second to import

from gnn_dml.results.intervals import holm
from gnn_dml.results.statistics.equivalence import equivalence_p
from gnn_dml.results.statistics.paired import Paired, paired_each
from gnn_dml.results.statistics.power import seeds_needed, smallest_difference

Verdict = Literal["different", "equivalent", "not settled"]
ALPHA = 0.05
Name = TypeVar("Name", bound=Hashable)


@dataclass(frozen=True)
class Compared:
    """One comparison beside the others.

    Attributes:
        alone: What its differences say by themselves.
        p_holm: `alone.p_t`, adjusted by Holm over the family.
        p_exact_holm: `alone.p_exact`, adjusted likewise.
        low: Lower end of the simultaneous interval: with 95 % all of the family hold together (Bonferroni's t).
        high: Its upper end.
        together: m, this one with it.
        margin: Of equivalence; NaN where none was asked for.
        p_equivalence: That the difference is not within the margin, adjusted by Holm over the family.
        smallest: The true difference that so many seeds find in 80 % of studies, at the level of one of m.
        needed: Seeds that a difference as large as this one needs for that; None where no practical number is enough.
        verdict: "different" where `p_holm` is below 5 %, else "equivalent" where `p_equivalence` is, and "not settled"
            where neither is.
        within: Whether `p_equivalence` is below 5 %; a difference can be both settled and small.
    """

    alone: Paired
    p_holm: float
    p_exact_holm: float
    low: float
    high: float
    together: int
    margin: float
    p_equivalence: float
    smallest: float
    needed: int | None
    verdict: Verdict
    within: bool


def family(differences: Mapping[Name, ArrayLike], *, margin: float | Mapping[Name, float]) -> dict[Name, Compared]:
    """Judge several comparisons together.

    Args:
        differences: By name, (n,) paired differences in the order of their seeds.
        margin: Within which a difference counts as none, in their unit; one for all or by name, where a name without
            one is not tested for equivalence.

    Raises:
        ValueError: If a difference is not finite or the margin not above 0.
    """
    alone = dict(zip(differences, paired_each(list(differences.values())), strict=True))
    margins = {name: margin.get(name, math.nan) if isinstance(margin, Mapping) else margin for name in alone}
    made = sum(not math.isnan(one.p_t) for one in alone.values())
    level = ALPHA / max(1, made)
    p_holm = holm([one.p_t for one in alone.values()])
    p_exact = holm([one.p_exact for one in alone.values()])
    p_equivalence = holm([_equivalence(one, margins[name]) for name, one in alone.items()])
    found = {}
    for (name, one), adjusted, exact, equivalence in zip(alone.items(), p_holm, p_exact, p_equivalence, strict=True):
        low, high = _interval(one, level)
        found[name] = Compared(
            alone=one,
            p_holm=adjusted,
            p_exact_holm=exact,
            low=low,
            high=high,
            together=made,
            margin=margins[name],
            p_equivalence=equivalence,
            smallest=smallest_difference(one.deviation, one.n, alpha=level),
            needed=seeds_needed(one.mean, one.deviation, alpha=level),
            verdict=verdict_of(adjusted, equivalence),
            within=equivalence < ALPHA,
        )
    return found


def verdict_of(p_holm: float, p_equivalence: float) -> Verdict:
    """The verdict of two p-values, both adjusted for the comparisons that are looked at together."""
    return "different" if p_holm < ALPHA else "equivalent" if p_equivalence < ALPHA else "not settled"


def _equivalence(one: Paired, margin: float) -> float:
    return math.nan if math.isnan(margin) else equivalence_p(one.mean, one.deviation, one.n, margin)


def _interval(one: Paired, level: float) -> tuple[float, float]:
    if one.n < 2:
        return math.nan, math.nan
    half = float(special.stdtrit(one.n - 1, 1 - level / 2)) * one.deviation / math.sqrt(one.n)
    return one.mean - half, one.mean + half
