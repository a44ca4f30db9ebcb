"""Read embeddings from a file, of this package or from elsewhere; whatever is wrong with it is said in one sentence."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from gnn_dml.errors import UserError
from gnn_dml.evaluation.embedding_table import ABOUT, ROLES, EmbeddingTable
from gnn_dml.evaluation.read_labels import as_words, load_array, read_labels

Array = npt.NDArray[Any]
Columns = dict[str, Any]


def read_embeddings(path: Path, labels: Path | None = None) -> EmbeddingTable:
    """Read embeddings and their labels.

    Args:
        path: `.npy` (N, D); `.npz` with the arrays `embeddings` and `labels`, perhaps `paths` and `role`; `.parquet`
            with the columns `label` and `vector`, perhaps `path` and `role`. A role is "query" or "gallery".
        labels: `.npy` (N,), `.csv` with a column `label`, or a text file with a label on every line. For embeddings
            that come without.

    Raises:
        UserError: If a file cannot be read or lacks something, lengths differ, vectors are ragged or not finite.
    """
    columns = _READERS[path.suffix](path)
    if labels is not None and columns.get("labels") is not None:
        raise UserError(f"{path} holds labels itself; leave --labels {labels} out")
    if labels is not None:
        columns["labels"] = read_labels(labels)
    if columns.get("labels") is None:
        raise UserError(f"{path} holds no labels; add --labels FILE")
    vectors = _numbers(path, columns["vectors"])
    count = len(vectors)
    for name, source in (("labels", labels or path), ("paths", path), ("roles", path)):
        if columns.get(name) is not None and len(columns[name]) != count:
            raise UserError(f"{source} holds {len(columns[name])} {name}, and there are {count} embeddings in {path}")
    table = EmbeddingTable(
        vectors,
        as_words(labels or path, columns["labels"]),
        None if columns.get("paths") is None else tuple(map(str, columns["paths"])),
        None if columns.get("roles") is None else _queries(path, columns["roles"]),
        columns.get("about", {}),
    )
    _check_finite(path, table)
    return table


def _read_npy(path: Path) -> Columns:
    return {"vectors": load_array(path, lambda: np.load(path, allow_pickle=False))}


def _read_npz(path: Path) -> Columns:
    def read() -> dict[str, Array]:
        with np.load(path, allow_pickle=False) as file:
            return {name: file[name] for name in file.files}

    arrays = load_array(path, read)
    if "embeddings" not in arrays:
        raise UserError(f"{path} lacks the array embeddings; it has {', '.join(arrays) or 'none'}")
    return {
        "vectors": arrays["embeddings"],
        "labels": arrays.get("labels"),
        "paths": arrays.get("paths"),
        "roles": arrays.get("role"),
        "about": _about(arrays[ABOUT].item() if ABOUT in arrays and arrays[ABOUT].ndim == 0 else None),
    }


def _read_parquet(path: Path) -> Columns:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        table = pq.read_table(path)
    except (pa.ArrowException, OSError, ValueError) as error:
        raise UserError(f"{path} cannot be read as a parquet file: {str(error).splitlines()[0]}") from error
    names = table.column_names
    if "vector" not in names:
        raise UserError(f"{path} lacks the column vector; it has {', '.join(names) or 'none'}")
    columns: Columns = {
        name: table[column].to_pylist() if column in names else None
        for name, column in (("labels", "label"), ("paths", "path"), ("roles", "role"))
    }
    about = (table.schema.metadata or {}).get(ABOUT.encode())
    return {**columns, "vectors": _stacked(path, table["vector"]), "about": _about(about)}


_READERS: dict[str, Callable[[Path], Columns]] = {".npy": _read_npy, ".npz": _read_npz, ".parquet": _read_parquet}


def _stacked(path: Path, column: Any) -> Array:
    """A column of lists as (N, D)."""
    import pyarrow as pa
    import pyarrow.compute as pc

    kind = column.type
    lists = pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_fixed_size_list(kind)
    if not lists or not (pa.types.is_floating(kind.value_type) or pa.types.is_integer(kind.value_type)):
        raise UserError(f"{path}: the column vector must hold lists of numbers, not {kind}")
    if column.null_count:
        first = column.is_null().index(pa.scalar(value=True)).as_py()
        raise UserError(f"{path}: {column.null_count} of {len(column)} rows have no vector; the first is row {first}")
    lengths = pc.list_value_length(column).to_numpy()
    if len(lengths) and (lengths != lengths[0]).any():
        other = int((lengths != lengths[0]).argmax())
        raise UserError(
            f"{path}: vectors must be equally long, and row {other} has {lengths[other]} numbers where row 0 has "
            f"{lengths[0]}"
        )
    values: Array = pc.list_flatten(column).to_numpy()
    return values.reshape(len(column), int(lengths[0]) if len(lengths) else 0)


def _about(text: Any) -> dict[str, Any]:
    """What a file says about itself; nothing where another program wrote the like."""
    try:
        found = json.loads(text)
    except (TypeError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def _numbers(path: Path, vectors: Array) -> npt.NDArray[np.floating[Any]]:
    """(N, D) in float32 or float64."""
    if vectors.ndim != 2 or vectors.dtype.kind not in "fiu":
        raise UserError(
            f"{path}: embeddings must be an array (n, d) of numbers, not {vectors.shape} of {vectors.dtype.name}"
        )
    if not vectors.size:
        raise UserError(f"{path} holds no embeddings: their array has the shape {vectors.shape}")
    wide = vectors.dtype.itemsize > (4 if vectors.dtype.kind == "f" else 2)
    return np.require(vectors, np.float64 if wide else np.float32, ["C", "W"])  # torch wants it writable


def _queries(path: Path, roles: Sequence[Any] | Array) -> npt.NDArray[np.bool_]:
    words = [str(role) for role in roles]
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
