"""Read embeddings from a file, of this package or from elsewhere; whatever is wrong with it is said in one sentence."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from gnn_dml.errors import UserError
from gnn_dml.evaluation.embedding_files.columns import Array, Column, Columns
from gnn_dml.evaluation.embedding_files.labels import LABELS, name_labels, read_labels
from gnn_dml.evaluation.embedding_files.numpy_files import read_npy, read_npz
from gnn_dml.evaluation.embedding_files.parquet import read_parquet
from gnn_dml.evaluation.embedding_files.table import ROLES, EmbeddingTable
from gnn_dml.text import exists

_READERS: dict[str, Callable[[Path], Columns]] = {".npy": read_npy, ".npz": read_npz, ".parquet": read_parquet}


def read_embeddings(path: Path, labels: Path | None = None, *, labelled: bool = True) -> EmbeddingTable:
    """Read embeddings and their labels.

    Args:
        path: `.npy` (N, D); `.npz` with the arrays `embeddings` and `labels`, perhaps `paths` and `role`; `.parquet`
            with the columns `label` and `vector`, perhaps `path` and `role`. A role is "query" or "gallery".
        labels: `.npy` (N,), `.csv` with a column `label`, or a text file with a label on every line. For embeddings
            that come without.
        labelled: Whether every embedding needs a label; if not, one without has the label "".

    Raises:
        UserError: If a file is missing, of another kind, cannot be read or lacks something; if lengths differ, vectors
            are ragged, not finite, or all zero.

    Example:
        >>> from tempfile import TemporaryDirectory
        >>> with TemporaryDirectory() as folder:
        ...     np.savez(Path(folder) / "pets.npz", embeddings=np.eye(2), labels=["cat", "dog"])
        ...     read_embeddings(Path(folder) / "pets.npz").labels
        ('cat', 'dog')
    """
    _check_file(path, tuple(_READERS))
    if labels is not None:
        _check_file(labels, LABELS)
    if path.suffix == ".npy" and labels is None and labelled:
        raise UserError(f"{path} has no labels; add --labels FILE ({', '.join(LABELS)})")
    columns = _READERS[path.suffix](path)
    if labels is not None:
        if columns.labels is not None:
            raise UserError(f"{path} holds labels itself; leave --labels {labels} out")
        columns = replace(columns, labels=read_labels(labels))
    if columns.labels is None and labelled:
        raise UserError(f"{path} holds no labels; add --labels FILE")
    vectors = _check_vectors(path, columns.vectors)
    if labelled:
        assert columns.labels is not None
        names = name_labels(labels or path, columns.labels)
    else:
        names = ("",) * len(vectors) if columns.labels is None else tuple(map(str, columns.labels))
    _check_lengths(path, labels, columns, len(vectors))
    table = EmbeddingTable(
        vectors,
        names,
        None if columns.paths is None else tuple(map(str, columns.paths)),
        None if columns.roles is None else _read_roles(path, columns.roles),
        columns.about,
    )
    _check_finite(path, table)
    return table


def _check_file(path: Path, suffixes: Sequence[str]) -> None:
    if path.suffix not in suffixes:
        raise UserError(f"{path} must be a file with the suffix {', '.join(suffixes)}")
    if not (exists(path) and path.is_file()):
        raise UserError(f"{path}: there is no such file")


def _check_lengths(path: Path, labels: Path | None, columns: Columns, count: int) -> None:
    for name, source in (("labels", labels or path), ("paths", path), ("roles", path)):
        column: Column | None = getattr(columns, name)
        if column is None:
            continue
        if isinstance(column, np.ndarray) and column.ndim != 1:
            raise UserError(f"{source}: {name} must be an array (n,), not {column.shape}")
        if len(column) != count:
            raise UserError(f"{source} holds {len(column)} {name}, and there are {count} embeddings in {path}")


def _check_vectors(path: Path, vectors: Array) -> npt.NDArray[np.floating[Any]]:
    """Vectors (N, D) in float32 or float64."""
    if vectors.ndim != 2 or vectors.dtype.kind not in "fiu":
        raise UserError(
            f"{path}: embeddings must be an array (n, d) of numbers, not {vectors.shape} of {vectors.dtype.name}"
        )
    if not vectors.size:
        raise UserError(f"{path} holds no embeddings: their array has the shape {vectors.shape}")
    wide = vectors.dtype.itemsize > (4 if vectors.dtype.kind == "f" else 2)
    with np.errstate(over="ignore"):  # what float64 does not hold is infinite, and refused as that
        return np.require(vectors, np.float64 if wide else np.float32, ["C", "W"])  # torch wants it writable


def _read_roles(path: Path, roles: Column) -> npt.NDArray[np.bool_]:
    """Which are queries, bool (N,)."""
    words = list(map(str, roles))
    for row, word in enumerate(words):
        if word not in ROLES:
            raise UserError(f"{path}: a role must be {' or '.join(ROLES)}, and that of row {row} is {word!r}")
    for role in ROLES:
        if role not in words:
            raise UserError(f"{path}: the column role has no {role}; leave it out where queries are no images apart")
    return np.array([word == ROLES[0] for word in words])


def _check_finite(path: Path, table: EmbeddingTable) -> None:
    bad = (~np.isfinite(table.vectors).all(axis=1)).nonzero()[0]
    if len(bad):
        named = f" ({table.paths[bad[0]]})" if table.paths and table.paths[bad[0]] else ""
        raise UserError(
            f"{path}: {len(bad)} of {len(table)} rows hold NaN or infinity; the first is row {bad[0]}{named}, counted "
            "from 0"
        )
