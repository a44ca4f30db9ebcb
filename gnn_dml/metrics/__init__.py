"""Metrics on arrays: retrieval (Recall@K, MAP@R, R-precision) and clustering (NMI, AMI)."""

from gnn_dml.metrics.clustering import clustering
from gnn_dml.metrics.retrieval import retrieval

__all__ = ["clustering", "retrieval"]
