"""Read labels from a file, and see that they are labels: whole numbers or words."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from gnn_dml.errors import UserError
from gnn_dml.evaluation.embedding_files.columns import Column
from gnn_dml.evaluation.embedding_files.numpy_files import read_array
from gnn_dml.prepare.lists import read_csv, read_text, split_lines

LABELS = (".npy", ".csv", ".txt")
"""Suffixes of files of labels."""


def read_labels(path: Path) -> Column:
    """The labels in a `.npy` file (N,), in the column `label` of a `.csv` file, or on the lines of a text file.

    Raises:
        UserError: If the file cannot be read, lacks the column or has it twice, or a row has more or fewer cells than
            the header.
    """
    if path.suffix == ".npy":
        return read_array(path)
    if path.suffix != ".csv":
        # An empty line in the middle is an image without a label, which is refused later.
        return [line.strip() for line in split_lines(read_text(path).rstrip())]
    return [cells["label"] for _, cells in read_csv(path, required=("label",)).rows]


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
