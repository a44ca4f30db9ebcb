"""Embeddings in files of numpy: `.npy` holds the vectors alone, `.npz` everything."""

from __future__ import annotations

import tokenize
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from gnn_dml.errors import UserError
from gnn_dml.evaluation.embedding_files.bounds import check_unfolded
from gnn_dml.evaluation.embedding_files.columns import ABOUT, Array, Columns, read_about, write_about
from gnn_dml.evaluation.embedding_files.table import EmbeddingTable

ARRAYS = {"vectors": "embeddings", "labels": "labels", "paths": "paths", "roles": "role"}
"""Which array of an `.npz` file holds which column."""


UNREADABLE = (
    OSError,
    ValueError,
    EOFError,
    KeyError,
    TypeError,
    AttributeError,
    RuntimeError,
    MemoryError,
    OverflowError,
    SyntaxError,
    tokenize.TokenError,
    zipfile.BadZipFile,
    zlib.error,
)
"""What numpy raises on a file that is damaged, encrypted or of another kind."""


def read_npy(path: Path) -> Columns:
    """The vectors in a `.npy` file."""
    return Columns(read_array(path))


def read_npz(path: Path) -> Columns:
    """The columns of an `.npz` file; other arrays in it are not read."""
    arrays = _try_reading(path, lambda: _read_arrays(path))
    about = arrays.pop(ABOUT, None)
    return Columns(**arrays, about=read_about(about.item() if about is not None and about.ndim == 0 else None))


def _read_arrays(path: Path) -> dict[str, Array]:
    with np.load(path, allow_pickle=False) as file:
        if ARRAYS["vectors"] not in file.files:
            raise UserError(f"{path} lacks the array {ARRAYS['vectors']}; it has {', '.join(file.files) or 'none'}")
        named = {**ARRAYS, ABOUT: ABOUT}
        wanted = {f"{name}.npy" for name in named.values()}
        check_unfolded(path, sum(info.file_size for info in file.zip.infolist() if info.filename in wanted))
        return {column: file[name] for column, name in named.items() if name in file.files}


def write_npz(path: Path, table: EmbeddingTable) -> None:
    """See `gnn_dml.evaluation.embedding_files.write_embeddings`."""
    arrays: dict[str, Any] = {
        "embeddings": np.asarray(table.vectors, dtype=np.float32),
        "labels": np.array(table.labels),
        "paths": np.array(table.paths or [""] * len(table)),
        ABOUT: np.array(write_about(table.about)),
    }
    if (roles := table.roles()) is not None:
        arrays["role"] = np.array(roles)
    with path.open("wb") as file:
        np.savez(file, **arrays)


def read_array(path: Path) -> Array:
    """The array in a `.npy` file.

    Raises:
        UserError: If numpy cannot read it.
    """
    found: Array = _try_reading(path, lambda: np.load(path, allow_pickle=False))
    if not isinstance(found, np.ndarray):
        raise UserError(f"{path} cannot be read as a {path.suffix} file: it holds several arrays")
    return found


def _try_reading(path: Path, read: Callable[[], Any]) -> Any:
    try:
        return read()
    except UserError:
        raise
    except UNREADABLE as error:
        said = next(iter(str(error).splitlines()), type(error).__name__)
        raise UserError(f"{path} cannot be read as a {path.suffix} file: {said}") from error
