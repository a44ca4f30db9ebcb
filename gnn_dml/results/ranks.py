"""The rank of each cell among the others, seed by seed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
import pandas as pd


class Ranked(NamedTuple):
    """Mean ranks by cell, 1 the highest value, and how many seeds they are over; empty where no seed is shared."""

    ranks: dict[str, float]
    seeds: int


def mean_ranks(values: Mapping[str, Mapping[int, float]]) -> Ranked:
    """Rank cells within each seed and take the mean over the seeds that all of them finished.

    Equal values share the mean of their ranks. Where some cells have several seeds, those with one, such as a baseline
    without training, are not ranked: they would leave one seed to the others.

    Args:
        values: By cell, a figure by seed.
    """
    several = {name: held for name, held in values.items() if len(held) > 1}
    ranked = several or {name: held for name, held in values.items() if held}
    seeds = set.intersection(*(set(held) for held in ranked.values())) if ranked else set()
    if not seeds or len(ranked) < 2:
        return Ranked({}, 0)
    figures = np.array([[held[seed] for seed in sorted(seeds)] for held in ranked.values()])
    means = pd.DataFrame(figures).rank(ascending=False).mean(axis=1)
    return Ranked(dict(zip(ranked, means.tolist(), strict=True)), len(seeds))
