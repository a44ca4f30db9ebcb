"""Experiments: settings to objects, a run from settings to a row, trained runs, studies.

What the commands of the program do, in one call each: `train`, `run_study`.
"""

from gnn_dml.experiments.api import run_study, train

__all__ = ["run_study", "train"]
