"""Label-smoothed cross-entropy, the loss of the paper on either branch."""

from __future__ import annotations

from torch import Tensor
from torch.nn.functional import cross_entropy

from gnn_dml.losses.scores import ScoreTerm
from gnn_dml.losses.term import Branch, BranchOutput, OverLayers


class CrossEntropy(ScoreTerm):
    r"""Cross-entropy with label smoothing and temperature (ICML 2021, section 3.4; settings as in the published code).

    For logits z, temperature T and smoothing e, the target of the true class is 1 - e + e/C and e/C elsewhere:

    .. math:: L = CE_e(z / T)

    Args:
        branch: See `LossTerm`.
        weight: See `LossTerm`.
        smoothing: e, in [0, 1).
        temperature: T, positive.
        layers: See `LossTerm`.

    Raises:
        ValueError: If a name or number is out of range.

    Example:
        >>> import torch
        >>> from gnn_dml.models import EmbedderOutput
        >>> embedder_output = EmbedderOutput(features=torch.zeros(2, 8), logits=torch.zeros(2, 4))
        >>> term = CrossEntropy(branch="backbone", smoothing=0.1)
        >>> round(term(embedder_output, None, torch.tensor([0, 3])).item(), 4)  # log 4: nothing is known yet
        1.3863
    """

    def __init__(
        self,
        *,
        branch: Branch = "backbone",
        weight: float = 1.0,
        smoothing: float = 0.1,
        temperature: float = 1.0,
        layers: OverLayers = "mean",
    ) -> None:
        super().__init__(branch=branch, weight=weight, temperature=temperature, layers=layers)
        if not 0 <= smoothing < 1:
            raise ValueError(f"smoothing must be at least 0 and below 1, not {smoothing}")
        self.smoothing = smoothing

    def compute(self, output: BranchOutput, labels: Tensor) -> Tensor:
        """Of the class scores.

        Raises:
            ValueError: If the branch has no classifier.
        """
        return cross_entropy(self.scores(output), labels, label_smoothing=self.smoothing)
