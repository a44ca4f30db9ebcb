"""Attention layers: PyG `MessagePassing` on an edge_index, and the same numbers on a dense adjacency."""

from gnn_dml.layers.dot_product import DotProductAttention
from gnn_dml.layers.gat import GATConv

__all__ = ["DotProductAttention", "GATConv"]
