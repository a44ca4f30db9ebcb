"""The focal loss of the published code on either branch."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from gnn_dml.losses.scores import ScoreTerm
from gnn_dml.losses.term import Branch, BranchOutput, OverLayers


class Focal(ScoreTerm):
    r"""Cross-entropy that counts images less the better they are classified (arXiv 1708.02002), as published.

    For the probability p of the true class under logits divided by a temperature T:

    .. math:: L = -(1 - p)^\gamma \log p

    As in the published code no gradient goes through the factor, and there is no label smoothing.

    Args:
        branch: See `LossTerm`.
        weight: See `LossTerm`.
        gamma: At least 0; 0 is the plain cross-entropy. The published code has 7.
        temperature: T, positive.
        layers: See `LossTerm`.

    Raises:
        ValueError: If a name or number is out of range.
    """

    def __init__(
        self,
        *,
        branch: Branch = "backbone",
        weight: float = 1.0,
        gamma: float = 7.0,
        temperature: float = 1.0,
        layers: OverLayers = "mean",
    ) -> None:
        super().__init__(branch=branch, weight=weight, temperature=temperature, layers=layers)
        if not gamma >= 0:
            raise ValueError(f"gamma must be at least 0, not {gamma}")
        self.gamma = gamma

    def compute(self, output: BranchOutput, labels: Tensor) -> Tensor:
        """Of the class scores.

        Raises:
            ValueError: If the branch has no classifier.
        """
        loss = cross_entropy(self.scores(output), labels, reduction="none")
        missing = 1 - torch.exp(-loss.detach())
        return (missing**self.gamma * loss).mean()
