"""Topologies: PyG transforms `Data -> Data` that decide who sends messages to whom inside a mini-batch."""

from gnn_dml.graphs.base import Edges, Topology
from gnn_dml.graphs.build import build_edges, for_test, gives_weights, takes_batches, uses_labels, within
from gnn_dml.graphs.class_aware import ClassAware
from gnn_dml.graphs.complete import Complete
from gnn_dml.graphs.describe import describe
from gnn_dml.graphs.drop_edge import DropEdge
from gnn_dml.graphs.edge_features import EDGE_FEATURES, check_edge_features, edge_features
from gnn_dml.graphs.isolated import Isolated
from gnn_dml.graphs.knn import KNN
from gnn_dml.graphs.mutual_knn import MutualKNN
from gnn_dml.graphs.probe import probe
from gnn_dml.graphs.random import Random
from gnn_dml.graphs.threshold import Threshold

__all__ = [
    "EDGE_FEATURES",
    "KNN",
    "ClassAware",
    "Complete",
    "DropEdge",
    "Edges",
    "Isolated",
    "MutualKNN",
    "Random",
    "Threshold",
    "Topology",
    "build_edges",
    "check_edge_features",
    "describe",
    "edge_features",
    "for_test",
    "gives_weights",
    "probe",
    "takes_batches",
    "uses_labels",
    "within",
]
