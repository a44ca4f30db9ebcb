"""The cards that come with the package: a YAML file in this folder for each data set, found and not listed."""

from __future__ import annotations

from pathlib import Path

from gnn_dml.prepare.card import Card, read_card

FOLDER = Path(__file__).resolve().parent


def find_cards(folder: Path = FOLDER) -> dict[str, Card]:
    """Read every card of a folder, by the name of its data set, in alphabetical order."""
    return {path.stem: read_card(path) for path in sorted(folder.glob("*.yaml"))}


def find_card(name: str, folder: Path = FOLDER) -> Card | None:
    """Read the card of one data set; None if it has none."""
    path = folder / f"{name}.yaml"
    return read_card(path) if path.is_file() else None
