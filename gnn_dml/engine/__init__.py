"""Engine: training, test-time refinement, evaluation, checkpoints, and one run from configuration to row."""

from gnn_dml.engine.checkpoint import Checkpoint, read_checkpoint
from gnn_dml.engine.evaluate import Embeddings, embed, measure, score
from gnn_dml.engine.learner import Learner
from gnn_dml.engine.refine import refine_in_neighbourhoods
from gnn_dml.engine.run import Run, run_folder
from gnn_dml.engine.trainer import Diverged, EpochReport, Trainer

__all__ = [
    "Checkpoint",
    "Diverged",
    "Embeddings",
    "EpochReport",
    "Learner",
    "Run",
    "Trainer",
    "embed",
    "measure",
    "read_checkpoint",
    "refine_in_neighbourhoods",
    "run_folder",
    "score",
]
