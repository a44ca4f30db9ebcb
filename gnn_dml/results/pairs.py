"""What is compared with what: the cells that share settings and data, their reference, and pairs of runs by seed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from gnn_dml.errors import UserError
from gnn_dml.results.cells import Cell

REFERENCE = "complete"
"""The reference where nobody names another and there is such a cell."""


@dataclass(frozen=True)
class Section:
    """Cells that may be compared: of the same settings for the whole study, the same data and split.

    Attributes:
        cells: In the order of the frame.
        reference: The one that the others are compared with; None where the one asked for is not among them.
    """

    cells: tuple[Cell, ...]
    reference: Cell | None

    @property
    def setting(self) -> tuple[str, str, str, str]:
        """What they share: overrides, dataset, split, and the data by checksum."""
        return self.cells[0].setting

    @property
    def others(self) -> tuple[Cell, ...]:
        """The cells but the reference."""
        return tuple(cell for cell in self.cells if cell is not self.reference)


def make_sections(cells: Sequence[Cell], reference: str | None = None) -> list[Section]:
    """Sort cells into sections, each with its reference.

    Args:
        cells: As `cells_of` returns them.
        reference: Name of a cell; None is `complete`, where a section has no such cell its first one.

    Raises:
        UserError: When no cell has the name of the reference.
    """
    names = list(dict.fromkeys(cell.name for cell in cells))
    if reference is not None and reference not in names:
        raise UserError(f"there is no cell {reference!r} to compare with; the cells are {', '.join(names)}")
    sections = []
    for setting in dict.fromkeys(cell.setting for cell in cells):
        inside = tuple(cell for cell in cells if cell.setting == setting)
        wanted = next((cell for cell in inside if cell.name == (reference or REFERENCE)), None)
        sections.append(Section(inside, inside[0] if wanted is None and reference is None else wanted))
    return sections


class PairedValues(NamedTuple):
    """The n seeds that two cells share, in ascending order, and the values of both, (n,)."""

    seeds: tuple[int, ...]
    cell: NDArray[np.float64]
    reference: NDArray[np.float64]

    @property
    def differences(self) -> NDArray[np.float64]:
        """Cell minus reference, (n,)."""
        return self.cell - self.reference


def paired_values(cell: Cell, reference: Cell, metric: str, *, mix_versions: bool = False) -> PairedValues:
    """The values of the seeds that both cells finished and measured.

    Args:
        cell: One cell.
        reference: The other, of the same section.
        metric: Name of a column.
        mix_versions: Pair runs of other versions of packages too.
    """
    one, other = cell.by_seed(metric), reference.by_seed(metric)
    apart = set() if mix_versions else set(unlike_versions(cell, reference))
    shared = [seed for seed in one if seed in other and seed not in apart]
    return PairedValues(
        tuple(shared),
        np.array([one[seed] for seed in shared], dtype=float),
        np.array([other[seed] for seed in shared], dtype=float),
    )


def unlike_versions(cell: Cell, reference: Cell) -> list[int]:
    """The seeds whose two runs were computed with different versions of a package."""
    theirs = dict(zip(reference.seeds, reference.versions, strict=True))
    return sorted(
        seed
        for seed, own in zip(cell.seeds, cell.versions, strict=True)
        if own != (other := theirs.get(seed, own)) and any(a and b and a != b for a, b in zip(own, other, strict=True))
    )
