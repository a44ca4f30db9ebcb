"""The rank of each cell among the others, seed by seed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import pandas as pd


class Ranked(NamedTuple):
    """Mean ranks by cell, 1 the highest value, and how many seeds they are over; empty where no seed is shared."""

    ranks: dict[str, float]
    seeds: int


def mean_ranks(values: Mapping[str, pd.Series[float]]) -> Ranked:
    """Rank cells within each seed and take the mean over the seeds that all of them finished.

    Equal values share the mean of their ranks. Where some cells have several seeds, those with one, such as a baseline
    without training, are not ranked: they would leave one seed to the others.

    Args:
        values: By cell, a figure by seed.
    """
    several = {name: series for name, series in values.items() if len(series) > 1}
    ranked = several or {name: series for name, series in values.items() if len(series)}
    frame = pd.DataFrame(ranked).dropna()
    if len(frame) == 0 or len(ranked) < 2:
        return Ranked({}, 0)
    ranks = frame.rank(axis=1, ascending=False).mean()
    return Ranked({str(name): float(rank) for name, rank in ranks.items()}, len(frame))
