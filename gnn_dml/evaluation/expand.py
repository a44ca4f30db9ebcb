"""Each embedding moved towards its nearest neighbours, and how far chosen on validation data.

Legend: N images, D channels, k neighbours.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from gnn_dml.evaluation.neighbour_sums import add_neighbours, nearest_and_cosines, unit_rows
from gnn_dml.evaluation.query_mask import check_query
from gnn_dml.evaluation.score import score_embedding

_WRITTEN = re.compile(r"(\d+) neighbours?, temperature ([0-9.e+-]+), weight ([0-9.e+-]+)")


@dataclass(frozen=True)
class ExpansionOptions:
    """How `expand` moves an embedding.

    Attributes:
        neighbours: k, at least 1.
        temperature: Of the softmax over their cosines, above 0: the smaller, the more the nearest counts.
        weight: Of the neighbours beside the image itself, at least 0; at 0 the expansion is closed and changes nothing.

    Raises:
        ValueError: If one of them is out of its range.

    Example:
        >>> str(ExpansionOptions(4, 0.1, 0.5)), str(CLOSED)
        ('4 neighbours, temperature 0.1, weight 0.5', 'closed')
    """

    neighbours: int
    temperature: float
    weight: float

    def __post_init__(self) -> None:
        if self.neighbours < 1:
            raise ValueError(f"neighbours must be at least 1, not {self.neighbours}")
        if not 0 < self.temperature < float("inf"):
            raise ValueError(f"temperature must be above 0 and finite, not {self.temperature}")
        if not 0 <= self.weight < float("inf"):
            raise ValueError(f"weight must be at least 0 and finite, not {self.weight}")

    def __str__(self) -> str:
        if self.weight == 0:
            return "closed"
        count = f"{self.neighbours} neighbour" + "s" * (self.neighbours > 1)
        return f"{count}, temperature {self.temperature:g}, weight {self.weight:g}"

    @classmethod
    def parse(cls, text: str) -> ExpansionOptions:
        """What `str` wrote, read again.

        Raises:
            ValueError: If it is something else.

        Example:
            >>> ExpansionOptions.parse(str(ExpansionOptions(4, 0.1, 0.5)))
            ExpansionOptions(neighbours=4, temperature=0.1, weight=0.5)
        """
        if text == "closed":
            return CLOSED
        found = _WRITTEN.fullmatch(text)
        if found is None:
            raise ValueError(f"{text!r} is no expansion like '4 neighbours, temperature 0.1, weight 0.5'")
        return cls(int(found[1]), float(found[2]), float(found[3]))

    @property
    def strength(self) -> tuple[float, int, float]:
        """Orders expansions: by weight, then by neighbours, then by how evenly these count."""
        return self.weight, self.neighbours, self.temperature


CLOSED = ExpansionOptions(neighbours=1, temperature=0.1, weight=0.0)
"""The embedding itself."""

DEFAULT_GRID: tuple[ExpansionOptions, ...] = (
    CLOSED,
    *(
        ExpansionOptions(neighbours, temperature, weight)
        for neighbours, temperature, weight in itertools.product((1, 2, 4, 8), (0.05, 0.1, 0.3), (0.5, 1.0, 2.0))
        if neighbours > 1 or temperature == 0.1  # one neighbour has the share 1 at every temperature
    ),
)
"""What `choose_expansion` tries: 31 expansions."""


@dataclass(frozen=True)
class ExpansionChoice:
    """What `choose_expansion` found.

    Attributes:
        options: The best.
        score: Its score.
        table: Every expansion that was tried with its score, in the order of the grid.
    """

    options: ExpansionOptions
    score: float
    table: tuple[tuple[ExpansionOptions, float], ...]


@torch.no_grad()
def expand(
    features: Tensor, *, neighbours: int, temperature: float, weight: float, query: Tensor | None = None
) -> Tensor:
    """Move each embedding towards the mean of its nearest neighbours: one step of attention without parameters.

    normalise(x_i + weight * sum_j softmax_j(cos_ij / temperature) x_j), over the k nearest others of image i, where the
    x are normalised. It is the average query expansion of Chum et al. ("Total Recall", ICCV 2007), made on both sides
    and weighted by a softmax in the place of equal shares.

    Args:
        features: (N, D).
        neighbours: k; fewer where there are not as many. They are exact, and ties go to the lower index.
        temperature: See `ExpansionOptions`.
        weight: Likewise; 0 gives the normalised rows.
        query: bool (N,), which images are queries: all images are expanded by those of the gallery alone. None if there
            is no gallery apart.

    Returns:
        Unit rows, float32 (N, D). Where the sum vanishes, the image keeps its own direction.

    Raises:
        ValueError: If an option is out of its range, a row is not finite or all zero, or `query` is of other images.

    Example:
        >>> x = torch.tensor([[1.0, 0.0], [0.0, 1.0], [-1.0, 0.1]])
        >>> expand(x, neighbours=1, temperature=0.1, weight=1.0)[0].tolist()
        [0.7071067690849304, 0.7071067690849304]
    """
    options = ExpansionOptions(neighbours, temperature, weight)
    x = unit_rows(features)
    check_query(query, len(x))
    if weight == 0:
        return x
    return _expanded(x, *nearest_and_cosines(x, neighbours, query), options)


@torch.no_grad()
def choose_expansion(
    features: Tensor,
    labels: Tensor,
    query: Tensor | None = None,
    *,
    grid: Sequence[ExpansionOptions] = DEFAULT_GRID,
    by: str = "map@r",
) -> ExpansionChoice:
    """Try expansions on validation data and take the best; ties go to the weaker one (`ExpansionOptions.strength`).

    Args:
        features: (N, D).
        labels: long (N,).
        query: As in `expand`, and for the score as in `gnn_dml.evaluation.score_embedding`.
        grid: What to try.
        by: The score: "map@r", "r_precision", "recall@K" with a number, or a sum of such: "recall@1+map@r".

    Raises:
        ValueError: If the grid is empty, the score is unknown, no image has another of its class to find, a row is
            not finite or all zero, or `query` or the labels are of other images.

    Example:
        >>> x = torch.tensor([[1.0, 0.0], [0.9, 0.1], [0.0, 1.0], [0.1, 0.9]])
        >>> found = choose_expansion(x, torch.tensor([0, 0, 1, 1]))
        >>> str(found.options), found.score, len(found.table)
        ('closed', 1.0, 31)
    """
    if not grid:
        raise ValueError("the grid is empty: there is no expansion to try")
    names = by.split("+")
    ks = tuple(sorted({k for name in names for k in _ks_of(name)}))
    x = unit_rows(features)
    check_query(query, len(x), labels)
    index, cosine = nearest_and_cosines(x, max(options.neighbours for options in grid), query)
    table = []
    for options in grid:
        moved = x if options.weight == 0 else _expanded(x, index, cosine, options)
        found = score_embedding(moved, labels, query, ks=ks)
        table.append((options, sum(found[name] for name in names)))
    if any(score != score for _, score in table):
        raise ValueError("no expansion can be chosen: no image has another of its class to find")
    options, score = min(table, key=lambda row: (-row[1], row[0].strength))
    return ExpansionChoice(options, score, tuple(table))


def _expanded(x: Tensor, index: Tensor, cosine: Tensor, options: ExpansionOptions) -> Tensor:
    """The rows moved, given at least as many neighbours as the options ask for, or all that there are."""
    k = options.neighbours
    share = (cosine[:, :k] / options.temperature).softmax(dim=1)
    return add_neighbours(x, x, index[:, :k], options.weight * share)


def _ks_of(by: str) -> tuple[int, ...]:
    """The K that `retrieval` is asked for, so that the score is among its metrics."""
    if by in ("map@r", "r_precision"):
        return (1,)
    name, _, k = by.partition("@")
    if name == "recall" and k.isdecimal() and int(k) > 0:
        return (int(k),)
    raise ValueError(f"by must be map@r, r_precision or recall@K with a number, not {by!r}")
