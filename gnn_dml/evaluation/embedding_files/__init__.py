"""Embeddings with their labels in files: read from this package and from elsewhere, written for others to read."""

from gnn_dml.evaluation.embedding_files.read import read_embeddings
from gnn_dml.evaluation.embedding_files.table import EmbeddingTable, number_equal_names
from gnn_dml.evaluation.embedding_files.write import write_embeddings

__all__ = ["EmbeddingTable", "number_equal_names", "read_embeddings", "write_embeddings"]
