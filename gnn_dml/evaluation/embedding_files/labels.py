"""Read labels from a file, and see that they are labels: whole numbers or words."""

from __future__ import annotations

import csv
import io
from pathlib import Path
from typing import Any

import numpy as np

from gnn_dml.errors import UserError
from gnn_dml.evaluation.embedding_files.columns import Column
from gnn_dml.evaluation.embedding_files.numpy_files import read_array

LABELS = (".npy", ".csv", ".txt")
"""Suffixes of files of labels."""


def read_labels(path: Path) -> Column:
    """The labels in a `.npy` file (N,), in the column `label` of a `.csv` file, or on the lines of a text file.

    Raises:
        UserError: If the file cannot be read or lacks the column.
    """
    if path.suffix == ".npy":
        return read_array(path)
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"{path} cannot be read as text: {error}") from error
    if path.suffix != ".csv":
        return [line.strip() for line in text.rstrip().splitlines()]
    try:
        rows = csv.DictReader(io.StringIO(text, newline=""))
        columns, found_rows = list(rows.fieldnames or []), list(rows)
    except csv.Error as error:
        raise UserError(f"{path} cannot be read as a CSV file: {error}") from error
    if "label" not in columns:
        raise UserError(f"{path} lacks the column label; it has {', '.join(columns) or 'none'}")
    return [row["label"] for row in found_rows]


def name_labels(path: Path, labels: Column) -> tuple[str, ...]:
    """Labels as words; `path` is named in messages.

    Raises:
        UserError: If one is missing, or is neither a whole number nor a word; the message names its row.
    """
    if isinstance(labels, np.ndarray):
        if labels.ndim != 1 or labels.dtype.kind not in "iufUSb":
            raise UserError(
                f"{path}: labels must be an array (n,) of whole numbers or words, not {labels.shape} of "
                f"{labels.dtype.name}"
            )
        labels = labels.tolist()
    return tuple(_word(path, row, label) for row, label in enumerate(labels))


def _word(path: Path, row: int, label: Any) -> str:
    if isinstance(label, float) and label.is_integer():
        label = int(label)
    if isinstance(label, bytes):
        label = label.decode("utf-8", "replace")
    if label is None or label == "":
        raise UserError(f"{path}: row {row} has no label")
    if not isinstance(label, (int, str)):
        raise UserError(f"{path}: a label must be a whole number or a word, and that of row {row} is {label!r}")
    return str(label)
