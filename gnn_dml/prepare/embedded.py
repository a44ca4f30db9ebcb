"""Data that come with the package: inside an installed one, or in the top-level `datasets` of a checkout."""

from __future__ import annotations

from pathlib import Path

from gnn_dml.errors import UserError

PACKAGE = Path(__file__).resolve().parents[1]


def find_embedded(name: str, file: str) -> Path:
    """Find an embedded data file.

    Args:
        name: Of the data set.
        file: Of the data set's folder.

    Raises:
        UserError: If the installation lacks it.
    """
    candidates = (PACKAGE / "embedded" / name / file, PACKAGE.parent / "datasets" / name / file)
    for path in candidates:
        if path.is_file():
            return path
    raise UserError(f"the embedded data {file} of {name} are missing from this installation; looked at {candidates[0]}")
