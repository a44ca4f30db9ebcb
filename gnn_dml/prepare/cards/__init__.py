"""The cards that come with the package: a YAML file in this folder for each data set, found and not listed."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

from gnn_dml.prepare.card import Card, read_card

FOLDER = Path(__file__).resolve().parent


def find_cards(folder: Path = FOLDER) -> dict[str, Card]:
    """Read every card of a folder, by the name of its data set, in alphabetical order."""
    return {path.stem: read_card(path) for path in sorted(folder.glob("*.yaml"))}


def find_card(name: str, folder: Path = FOLDER) -> Card | None:
    """Read the card of one data set; None if it has none."""
    path = folder / f"{name}.yaml"
    return _read_as_of(path, path.stat().st_mtime_ns) if path.is_file() else None


@lru_cache(maxsize=64)
def _read_as_of(path: Path, changed: int) -> Card:
    """A card whose file has this time of change; the plan of a study asks for it with every run."""
    del changed
    return read_card(path)
