"""Training: the learner, the step, the optimiser and its schedule, the loop, and what is measured on the way."""

from gnn_dml.training.learner import Learner, LearnerOutput
from gnn_dml.training.report import EpochReport
from gnn_dml.training.step import PlainStep, Step
from gnn_dml.training.trainer import Diverged, Trainer

__all__ = ["Diverged", "EpochReport", "Learner", "LearnerOutput", "PlainStep", "Step", "Trainer"]
