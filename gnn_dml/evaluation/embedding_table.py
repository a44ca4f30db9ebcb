"""Embeddings with their labels as a table: what `gnn-dml embed` writes, and what comes from elsewhere.

Legend: N images, D channels.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from gnn_dml.atomic import write_atomically
from gnn_dml.errors import UserError

ABOUT = "gnn_dml"
"""Under this name a file says how its embeddings came about."""

ROLES = ("query", "gallery")


@dataclass(frozen=True)
class EmbeddingTable:
    """N embeddings.

    Attributes:
        vectors: (N, D), floating point.
        labels: The name of each image's class (N,).
        paths: N names, or None.
        query: bool (N,), which are queries; the others are the gallery. None where they are not apart.
        about: How they came about, for instance the seed of the run and its K.
    """

    vectors: npt.NDArray[np.floating[Any]]
    labels: tuple[str, ...]
    paths: tuple[str, ...] | None = None
    query: npt.NDArray[np.bool_] | None = None
    about: Mapping[str, Any] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.labels)

    def tensors(self) -> tuple[Tensor, Tensor, Tensor | None]:
        """Vectors (N, D), labels as whole numbers (N,) in the order in which they first appear, and queries (N,)."""
        numbers = {name: i for i, name in enumerate(dict.fromkeys(self.labels))}
        labels = torch.tensor([numbers[name] for name in self.labels], dtype=torch.long)
        query = None if self.query is None else torch.from_numpy(self.query)
        return torch.from_numpy(self.vectors), labels, query

    def roles(self) -> tuple[str, ...] | None:
        """For each image "query" or "gallery", or None where they are not apart."""
        return None if self.query is None else tuple(ROLES[0] if asks else ROLES[1] for asks in self.query)


def write_embeddings(path: Path, table: EmbeddingTable) -> Path:
    """Write a table, whole or not at all; the suffix says how.

    * `.parquet`: columns `path`, `label`, `vector` (a list of float32), and `role` where queries and gallery are apart.
    * `.npz`: arrays `embeddings`, `labels`, `paths`, and `role` likewise.

    Raises:
        UserError: If the file cannot be written.
    """
    write = _write_parquet if path.suffix == ".parquet" else _write_npz
    try:
        return write_atomically(path, lambda partial: write(partial, table))
    except OSError as error:
        raise UserError(f"cannot write {path}: {error}") from error


def _write_parquet(path: Path, table: EmbeddingTable) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    vectors = np.ascontiguousarray(table.vectors, dtype=np.float32)
    step = max(1, 2**30 // max(1, vectors.shape[1]))  # a chunk's offsets are 32 bits wide
    chunks = [_as_list(vectors[start : start + step]) for start in range(0, len(vectors), step)]
    columns: dict[str, Any] = {
        "path": pa.array(table.paths or [""] * len(table), pa.string()),
        "label": pa.array(table.labels, pa.string()),
        "vector": pa.chunked_array(chunks, pa.list_(pa.float32())),
    }
    if (roles := table.roles()) is not None:
        columns["role"] = pa.array(roles, pa.string())
    made = pa.table(columns).replace_schema_metadata({ABOUT: json.dumps(dict(table.about))})
    pq.write_table(made, path)


def _as_list(vectors: npt.NDArray[np.float32]) -> Any:
    import pyarrow as pa

    offsets = np.arange(0, vectors.size + 1, vectors.shape[1], dtype=np.int32)
    return pa.ListArray.from_arrays(pa.array(offsets), pa.array(vectors.ravel()))


def _write_npz(path: Path, table: EmbeddingTable) -> None:
    arrays: dict[str, Any] = {
        "embeddings": np.asarray(table.vectors, dtype=np.float32),
        "labels": np.array(table.labels),
        "paths": np.array(table.paths or [""] * len(table)),
        ABOUT: np.array(json.dumps(dict(table.about))),
    }
    if (roles := table.roles()) is not None:
        arrays["role"] = np.array(roles)
    with path.open("wb") as file:
        np.savez(file, **arrays)


def unique_names(names: Sequence[str]) -> tuple[str, ...]:
    """Class names as labels: those of different classes that are alike get their number."""
    counts = Counter(names)
    return tuple(f"{name} ({i})" if counts[name] > 1 else name for i, name in enumerate(names))
