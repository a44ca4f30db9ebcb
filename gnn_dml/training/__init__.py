"""Training: the learner, the optimiser and its schedule, the loop, and what is measured on the way."""

from gnn_dml.training.learner import Learner
from gnn_dml.training.trainer import Diverged, EpochReport, Trainer

__all__ = ["Diverged", "EpochReport", "Learner", "Trainer"]
