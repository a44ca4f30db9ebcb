"""Metrics on arrays: retrieval (Recall@K, MAP@R and others), clustering (NMI, AMI), diagnostics, purity."""

from gnn_dml.metrics.clustering import clustering
from gnn_dml.metrics.diagnostics import diagnostics
from gnn_dml.metrics.kmeans import choose_backend
from gnn_dml.metrics.positions import positions
from gnn_dml.metrics.purity import ClassAttention, class_attention
from gnn_dml.metrics.retrieval import retrieval, retrieval_by_query
from gnn_dml.metrics.score_chunks import retrieval_by_scores

__all__ = [
    "ClassAttention",
    "choose_backend",
    "class_attention",
    "clustering",
    "diagnostics",
    "positions",
    "retrieval",
    "retrieval_by_query",
    "retrieval_by_scores",
]
