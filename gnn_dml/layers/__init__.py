"""Attention layers: PyG `MessagePassing` on an edge_index, and the same numbers on a dense adjacency."""

from gnn_dml.layers.dot_product import DotProductAttention
from gnn_dml.layers.gat import GATConv
from gnn_dml.layers.gatv2 import GATv2Conv
from gnn_dml.layers.transformer import TransformerConv
from gnn_dml.layers.weights import takes_weights

__all__ = ["DotProductAttention", "GATConv", "GATv2Conv", "TransformerConv", "takes_weights"]
