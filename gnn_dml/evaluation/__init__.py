"""Evaluation: embed a split, refine it at test time, measure it, search it; embeddings in files. It takes objects."""

from gnn_dml.evaluation.diffusion import DiffusionOptions, diffuse
from gnn_dml.evaluation.embed import Embeddings, embed
from gnn_dml.evaluation.embedding_files import EmbeddingTable, read_embeddings, write_embeddings
from gnn_dml.evaluation.ensemble import Member, embed_ensemble, join_embeddings
from gnn_dml.evaluation.expand import ExpansionChoice, ExpansionOptions, choose_expansion, expand
from gnn_dml.evaluation.measurement import Measurement, MetricOptions, measure_branches, measure_embedding
from gnn_dml.evaluation.neighbourhoods import NearestNeighbourhoods, Neighbourhoods, ReciprocalNeighbourhoods
from gnn_dml.evaluation.query_expansion import Sides, query_expansion, score_sides
from gnn_dml.evaluation.refine import describe_test_graph, refine_in_neighbourhoods
from gnn_dml.evaluation.rerank import rerank
from gnn_dml.evaluation.score import score, score_by_class, score_embedding
from gnn_dml.evaluation.search import Neighbours, Queries, find_neighbours, read_queries
from gnn_dml.evaluation.training_free import TrainingFreeOptions, measure_training_free

__all__ = [
    "DiffusionOptions",
    "EmbeddingTable",
    "Embeddings",
    "ExpansionChoice",
    "ExpansionOptions",
    "Measurement",
    "Member",
    "MetricOptions",
    "NearestNeighbourhoods",
    "Neighbourhoods",
    "Neighbours",
    "Queries",
    "ReciprocalNeighbourhoods",
    "Sides",
    "TrainingFreeOptions",
    "choose_expansion",
    "describe_test_graph",
    "diffuse",
    "embed",
    "embed_ensemble",
    "expand",
    "find_neighbours",
    "join_embeddings",
    "measure_branches",
    "measure_embedding",
    "measure_training_free",
    "query_expansion",
    "read_embeddings",
    "read_queries",
    "refine_in_neighbourhoods",
    "rerank",
    "score",
    "score_by_class",
    "score_embedding",
    "score_sides",
    "write_embeddings",
]
