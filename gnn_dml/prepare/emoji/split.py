"""Which subgroups of emoji are for training, which for choosing, which for the final test."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Mapping
from itertools import zip_longest

SIDES = ("train", "val", "test")
SEED = "gnn-dml emoji 1"
LARGEST_SHARE = 1 / 5

Subgroup = tuple[str, str]


def order(subgroups: Mapping[Subgroup, int]) -> list[Subgroup]:
    """Subgroups in a fixed shuffled order that takes one of every group in turn.

    The order comes from checksums of the names alone, so it is the same on every machine.
    """
    by_group: dict[str, list[Subgroup]] = {}
    for subgroup in sorted(subgroups, key=_rank):
        by_group.setdefault(subgroup[0], []).append(subgroup)
    groups = sorted(by_group, key=_rank)
    rounds = zip_longest(*(by_group[group] for group in groups))
    return [subgroup for turn in rounds for subgroup in turn if subgroup is not None]


def _rank(name: str | Subgroup) -> str:
    text = name if isinstance(name, str) else "/".join(name)
    return hashlib.sha256(f"{SEED}/{text}".encode()).hexdigest()


def assign(
    sizes: Mapping[Subgroup, int],
    wanted: Mapping[str, int],
    *,
    fixed: Mapping[Subgroup, str] | None = None,
    keep_all: bool = False,
) -> dict[Subgroup, str]:
    """Put whole subgroups on sides.

    In the fixed order, every subgroup goes to one of the sides where it fits: where the side stays within its
    number of classes and the subgroup is at most a fifth of that number, so that no subgroup dominates a side.
    Among these, it is the side that has the fewest classes of the subgroup's group in proportion to what the
    side wants, so that every side becomes a mix of all groups; then the side that is the emptiest.

    Args:
        sizes: Classes of every subgroup, a subgroup being (group, subgroup).
        wanted: Classes that every side wants.
        fixed: Sides of subgroups that are already decided.
        keep_all: Put a subgroup that fits nowhere into "train"; otherwise it is left out.

    Returns:
        Side of every subgroup that is not left out.
    """
    sides: dict[Subgroup, str] = {}
    filled: Counter[str] = Counter()
    of_group: Counter[tuple[str, str]] = Counter()

    def put(subgroup: Subgroup, side: str) -> None:
        sides[subgroup] = side
        filled[side] += sizes[subgroup]
        of_group[subgroup[0], side] += sizes[subgroup]

    def emptiness(subgroup: Subgroup, side: str) -> tuple[float, float]:
        return of_group[subgroup[0], side] / wanted[side], filled[side] / wanted[side]

    for subgroup, side in (fixed or {}).items():
        if subgroup in sizes:
            put(subgroup, side)
    for subgroup in order({subgroup: size for subgroup, size in sizes.items() if subgroup not in sides}):
        fitting = [side for side in SIDES if _fits(sizes[subgroup], filled[side], wanted[side])]
        if fitting:
            put(subgroup, min(fitting, key=lambda side: emptiness(subgroup, side)))
        elif keep_all:
            put(subgroup, "train")
    return sides


def _fits(size: int, filled: int, wanted: int) -> bool:
    return filled + size <= wanted and size <= wanted * LARGEST_SHARE
