"""Write embeddings to a file, whole or not at all."""

from __future__ import annotations

from pathlib import Path

from gnn_dml.atomic import write_atomically
from gnn_dml.errors import UserError
from gnn_dml.evaluation.embedding_files.numpy_files import write_npz
from gnn_dml.evaluation.embedding_files.parquet import write_parquet
from gnn_dml.evaluation.embedding_files.table import EmbeddingTable

_WRITERS = {".parquet": write_parquet, ".npz": write_npz}


def write_embeddings(path: Path, table: EmbeddingTable) -> Path:
    """Write a table, whole or not at all; the suffix says how.

    * `.parquet`: columns `path`, `label`, `vector` (a list of float32), and `role` where queries and gallery are apart.
    * `.npz`: arrays `embeddings`, `labels`, `paths`, and `role` likewise.

    Raises:
        UserError: If the suffix is another one, or the file cannot be written.

    Example:
        >>> from tempfile import TemporaryDirectory
        >>> import numpy as np
        >>> table = EmbeddingTable(np.eye(2, dtype=np.float32), ("cat", "dog"), ("a.png", "b.png"))
        >>> with TemporaryDirectory() as folder:
        ...     write_embeddings(Path(folder) / "pets.npz", table).name
        'pets.npz'
    """
    if path.suffix not in _WRITERS:
        raise UserError(f"{path} must be a {' or '.join(_WRITERS)} file")
    try:
        return write_atomically(path, lambda partial: _WRITERS[path.suffix](partial, table))
    except OSError as error:
        raise UserError(f"cannot write {path}: {error}") from error
