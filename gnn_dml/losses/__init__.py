"""Losses on the backbone branch and on the refined branch."""

from gnn_dml.losses.branch import BranchLoss, LossTerms

__all__ = ["BranchLoss", "LossTerms"]
