"""Embeddings in parquet files: columns `path`, `label`, `vector` and perhaps `role`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from gnn_dml.errors import UserError
from gnn_dml.evaluation.embedding_files.bounds import check_unfolded
from gnn_dml.evaluation.embedding_files.columns import ABOUT, Array, Columns, read_about, write_about
from gnn_dml.evaluation.embedding_files.table import EmbeddingTable

VECTOR = "vector"
WORD = 64
"""Bytes of a word in a list."""
NAMES = {"labels": "label", "paths": "path", "roles": "role"}
"""Which column of a file holds which of ours, beside the vectors."""


def read_parquet(path: Path) -> Columns:
    """The columns of a parquet file; others in it are not read."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    whole = path.absolute()  # of a relative path pyarrow takes ~ for the home folder
    try:
        metadata = pq.read_metadata(whole)
        names = metadata.schema.to_arrow_schema().names
        wanted = [name for name in (VECTOR, *NAMES.values()) if name in names]
        check_unfolded(path, _unfolded(metadata, wanted))
        table = pq.read_table(whole, columns=wanted)
    except (pa.ArrowException, OSError, ValueError) as error:
        said = next(iter(str(error).splitlines()), type(error).__name__)
        raise UserError(f"{path} cannot be read as a parquet file: {said}") from error
    if VECTOR not in names:
        raise UserError(f"{path} lacks the column vector; it has {', '.join(names) or 'none'}")
    held = {ours: table[name].to_pylist() for ours, name in NAMES.items() if name in names}
    about = (table.schema.metadata or {}).get(ABOUT.encode())
    return Columns(_read_vectors(path, table[VECTOR]), **held, about=read_about(about))


def _unfolded(metadata: Any, wanted: list[str]) -> int:
    """Bytes that some columns take in memory: 8 for a number, and for a word what Python needs around it too."""
    total = 0
    for group in range(metadata.num_row_groups):
        for place in range(metadata.num_columns):
            column = metadata.row_group(group).column(place)
            name = column.path_in_schema.split(".")[0]
            if name in wanted:
                each = 8 if name == VECTOR else WORD
                total += column.total_uncompressed_size + each * column.num_values
    return total


def _read_vectors(path: Path, column: Any) -> Array:
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


def write_parquet(path: Path, table: EmbeddingTable) -> None:
    """See `gnn_dml.evaluation.embedding_files.write_embeddings`."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    vectors = np.ascontiguousarray(table.vectors, dtype=np.float32)
    step = max(1, 2**30 // max(1, vectors.shape[1]))  # a chunk's offsets are 32 bits wide
    chunks = [_list_array(vectors[start : start + step]) for start in range(0, len(vectors), step)]
    columns: dict[str, Any] = {
        "path": pa.array(table.paths or [""] * len(table), pa.string()),
        "label": pa.array(table.labels, pa.string()),
        VECTOR: pa.chunked_array(chunks, pa.list_(pa.float32())),
    }
    if (roles := table.roles()) is not None:
        columns["role"] = pa.array(roles, pa.string())
    made = pa.table(columns).replace_schema_metadata({ABOUT: write_about(table.about)})
    with path.open("wb") as file:
        pq.write_table(made, file)


def _list_array(vectors: npt.NDArray[np.float32]) -> Any:
    import pyarrow as pa

    offsets = np.arange(0, vectors.size + 1, vectors.shape[1], dtype=np.int32)
    return pa.ListArray.from_arrays(pa.array(offsets), pa.array(vectors.ravel()))
