"""Topologies: PyG transforms `Data -> Data` that decide who sends messages to whom inside a mini-batch."""

from gnn_dml.graphs.base import Topology
from gnn_dml.graphs.build import Edges, build_edges, uses_labels
from gnn_dml.graphs.class_aware import ClassAware
from gnn_dml.graphs.complete import Complete
from gnn_dml.graphs.isolated import Isolated
from gnn_dml.graphs.knn import KNN

__all__ = ["KNN", "ClassAware", "Complete", "Edges", "Isolated", "Topology", "build_edges", "uses_labels"]
