"""Evaluation: embed a split, refine it at test time, score it; embeddings in files. Objects in, no settings."""

from gnn_dml.evaluation.embed import Embeddings, embed, score
from gnn_dml.evaluation.refine import refine_in_neighbourhoods

__all__ = ["Embeddings", "embed", "refine_in_neighbourhoods", "score"]
