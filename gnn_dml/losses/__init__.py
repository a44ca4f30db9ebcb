"""Loss terms on the backbone branch, on the refined branch, or on both, and the container that weighs them."""

from gnn_dml.losses.cross_entropy import CrossEntropy
from gnn_dml.losses.embedding import EmbeddingLoss
from gnn_dml.losses.focal import Focal
from gnn_dml.losses.losses import Losses
from gnn_dml.losses.multi_similarity import MultiSimilarity
from gnn_dml.losses.smooth_ap import SmoothAP
from gnn_dml.losses.term import LossTerm

__all__ = ["CrossEntropy", "EmbeddingLoss", "Focal", "LossTerm", "Losses", "MultiSimilarity", "SmoothAP"]
