"""The training loss: label-smoothed cross-entropy on both branches, each with its weight."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from gnn_dml.models import EmbedderOutput, RefinerOutput


class LossTerms(NamedTuple):
    """What the loss is made of; every entry a scalar, before weighting except `total`.

    Attributes:
        total: The weighted sum, to be differentiated.
        backbone: On the CNN's own embedding.
        refined: On the refined nodes, averaged over supervised layers; None without a refiner.
    """

    total: Tensor
    backbone: Tensor
    refined: Tensor | None


class BranchLoss(nn.Module):
    r"""Cross-entropy with label smoothing and temperature (ICML 2021, section 3.4; settings as in the published code).

    For logits z, temperature T and smoothing e, the target of the true class is 1 - e + e/C and e/C elsewhere:

    .. math:: L = w_b \, CE_e(z_{backbone} / T) + w_r \, CE_e(z_{refined} / T)

    Args:
        smoothing: e, in [0, 1).
        temperature: T, positive.
        backbone_weight: w_b, at least 0.
        refined_weight: w_r, at least 0.

    Raises:
        ValueError: If a number is out of range.
    """

    def __init__(
        self,
        *,
        smoothing: float = 0.1,
        temperature: float = 1.0,
        backbone_weight: float = 1.0,
        refined_weight: float = 1.0,
    ) -> None:
        super().__init__()
        if not 0 <= smoothing < 1:
            raise ValueError(f"smoothing must be at least 0 and below 1, not {smoothing}")
        if temperature <= 0:
            raise ValueError(f"temperature must be above 0, not {temperature}")
        for name, weight in (("backbone_weight", backbone_weight), ("refined_weight", refined_weight)):
            if weight < 0:
                raise ValueError(f"{name} must be at least 0, not {weight}")
        self.smoothing = smoothing
        self.temperature = temperature
        self.backbone_weight = backbone_weight
        self.refined_weight = refined_weight

    def forward(self, backbone: EmbedderOutput, refined: RefinerOutput | None, labels: Tensor) -> LossTerms:
        """The loss of a mini-batch.

        Args:
            backbone: The embedder's output; its logits must be there.
            refined: The refiner's output, or None where there is no refiner.
            labels: (N,), class indices.

        Raises:
            ValueError: If the embedder has no classifier.
        """
        if backbone.logits is None:
            raise ValueError("the embedder has no classifier, so there is nothing to train it with")
        own = self._cross_entropy(backbone.logits, labels)
        if refined is None:
            return LossTerms(self.backbone_weight * own, own, None)
        mean = torch.stack([self._cross_entropy(logits, labels) for logits in refined.logits]).mean()
        return LossTerms(self.backbone_weight * own + self.refined_weight * mean, own, mean)

    def _cross_entropy(self, logits: Tensor, labels: Tensor) -> Tensor:
        return cross_entropy(logits / self.temperature, labels, label_smoothing=self.smoothing)
