"""Metrics on arrays: retrieval (Recall@K, MAP@R, R-precision), clustering (NMI, AMI), purity of the attention."""

from gnn_dml.metrics.clustering import clustering
from gnn_dml.metrics.purity import ClassAttention, class_attention
from gnn_dml.metrics.retrieval import retrieval

__all__ = ["ClassAttention", "class_attention", "clustering", "retrieval"]
