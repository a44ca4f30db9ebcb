"""The configuration groups and their names, read off the folders of `gnn_dml/conf` without loading anything."""

from __future__ import annotations

from difflib import get_close_matches
from pathlib import Path

CONF = Path(__file__).resolve().parent.parent / "conf"


def groups() -> dict[str, list[str]]:
    """Each group with its names, both in alphabetical order; `study` is no part of a run and is left out."""
    folders = sorted(path for path in CONF.iterdir() if path.is_dir() and path.name not in ("study", "__pycache__"))
    return {folder.name: sorted(path.stem for path in folder.glob("*.yaml")) for folder in folders}


def studies() -> list[str]:
    """The studies that come with the package."""
    return sorted(path.stem for path in (CONF / "study").glob("*.yaml"))


def choices_text() -> str:
    """The groups and their names, a line each."""
    return "\n".join(f"    {group:<10} {' '.join(names)}" for group, names in groups().items())


def suggestion(word: str, known: list[str]) -> str:
    """' Did you mean X?' for a near miss, else nothing."""
    close = get_close_matches(word, known, n=1, cutoff=0.6)
    return f" Did you mean {close[0]}?" if close else ""
