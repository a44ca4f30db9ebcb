"""What the losses of class scores share: the temperature, and the classifier they need."""

from __future__ import annotations

from torch import Tensor

from gnn_dml.losses.term import Branch, BranchOutput, LossTerm, OverLayers


class ScoreTerm(LossTerm):
    """A term on the class scores of a branch, divided by a temperature.

    Args:
        branch: See `LossTerm`.
        weight: See `LossTerm`.
        temperature: T, positive.
        layers: See `LossTerm`.

    Raises:
        ValueError: If a name or number is out of range.
    """

    def __init__(self, *, branch: Branch, weight: float, temperature: float, layers: OverLayers) -> None:
        super().__init__(branch=branch, weight=weight, layers=layers)
        if not temperature > 0:
            raise ValueError(f"temperature must be above 0, not {temperature}")
        self.temperature = temperature

    def scores(self, output: BranchOutput) -> Tensor:
        """The class scores (N, C) over T.

        Raises:
            ValueError: If the branch has no classifier.
        """
        if output.logits is None:
            raise ValueError("the embedder has no classifier, so there is nothing to train it with")
        return output.logits / self.temperature
