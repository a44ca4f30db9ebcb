"""Evaluation: embed a split, refine it at test time, measure it, search it; embeddings in files. It takes objects."""

from gnn_dml.evaluation.embed import Embeddings, embed
from gnn_dml.evaluation.embedding_files import EmbeddingTable, read_embeddings, write_embeddings
from gnn_dml.evaluation.ensemble import Member, embed_ensemble, join_embeddings
from gnn_dml.evaluation.measurement import Measurement, MetricOptions, measure_branches, measure_embedding
from gnn_dml.evaluation.neighbourhoods import NearestNeighbourhoods, Neighbourhoods, ReciprocalNeighbourhoods
from gnn_dml.evaluation.refine import describe_test_graph, refine_in_neighbourhoods
from gnn_dml.evaluation.score import score, score_embedding
from gnn_dml.evaluation.search import Neighbours, Queries, find_neighbours, read_queries

__all__ = [
    "EmbeddingTable",
    "Embeddings",
    "Measurement",
    "Member",
    "MetricOptions",
    "NearestNeighbourhoods",
    "Neighbourhoods",
    "Neighbours",
    "Queries",
    "ReciprocalNeighbourhoods",
    "describe_test_graph",
    "embed",
    "embed_ensemble",
    "find_neighbours",
    "join_embeddings",
    "measure_branches",
    "measure_embedding",
    "read_embeddings",
    "read_queries",
    "refine_in_neighbourhoods",
    "score",
    "score_embedding",
    "write_embeddings",
]
