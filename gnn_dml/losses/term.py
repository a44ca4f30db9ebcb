"""What every loss term shares: its branch, its weight, and the mean or sum over what the branch puts out.

Legend: N images, D embedding channels, C classes.
"""

from __future__ import annotations

import math
from typing import Literal, NamedTuple, get_args

import torch
from torch import Tensor, nn

from gnn_dml.models import EmbedderOutput, RefinerOutput

Branch = Literal["backbone", "refined", "both"]
OverLayers = Literal["mean", "sum"]


class BranchOutput(NamedTuple):
    """One embedding of the mini-batch.

    Attributes:
        features: L2-normalised (N, D).
        logits: Class scores (N, C), or None where the branch has no classifier.
    """

    features: Tensor
    logits: Tensor | None


class LossTerm(nn.Module):
    """A term of the training loss. A subclass computes `compute` for one embedding; its name is its key in `Losses`.

    A branch may put out several embeddings (`output="every"` of the refiner: one per layer), and a term on both
    branches sees those of both; the term is the mean or the sum over them. A term that compares the branches overrides
    `forward`, and `is_active` too.

    Args:
        branch: What it works on: "backbone", "refined" or "both". Without a refiner a term on "refined" is idle, and
            one on "both" works on the backbone alone.
        weight: Its factor in the sum of all terms; at least 0.
        rate: Learning rate of its own parameters, if it has any, as a multiple of the CNN's; at least 0.
        layers: "mean" over several embeddings, or their "sum", as published for one per layer.

    Raises:
        ValueError: If a name or number is out of range.
    """

    def __init__(
        self, *, branch: Branch = "backbone", weight: float = 1.0, rate: float = 1.0, layers: OverLayers = "mean"
    ) -> None:
        super().__init__()
        if layers not in get_args(OverLayers):
            raise ValueError(f"layers must be one of {', '.join(get_args(OverLayers))}, not {layers!r}")
        if branch not in get_args(Branch):
            raise ValueError(f"branch must be one of {', '.join(get_args(Branch))}, not {branch!r}")
        for name, value in (("weight", weight), ("rate", rate)):
            if not 0 <= value < math.inf:
                raise ValueError(f"{name} must be a number of at least 0, not {value}")
        self.branch: Branch = branch
        self.weight = weight
        self.rate = rate
        self.layers: OverLayers = layers

    def compute(self, output: BranchOutput, labels: Tensor) -> Tensor:
        """The loss of one embedding, a scalar before its weight; labels (N,) are class indices."""
        raise NotImplementedError

    def is_active(self, *, refined: bool) -> bool:
        """Whether there is anything to work on, given whether there is a refiner."""
        return refined or self.branch != "refined"

    def forward(self, backbone: EmbedderOutput, refined: RefinerOutput | None, labels: Tensor) -> Tensor:
        """The mean or sum of `compute` over the embeddings of the branch; a scalar, before the weight.

        Args:
            backbone: Of the embedder.
            refined: Of the refiner, or None without one; only where the term `is_active`.
            labels: (N,), class indices.
        """
        outputs = self._outputs(backbone, refined)
        if len(outputs) == 1:
            return self.compute(outputs[0], labels)
        found = torch.stack([self.compute(output, labels) for output in outputs])
        return found.sum() if self.layers == "sum" else found.mean()

    def _outputs(self, backbone: EmbedderOutput, refined: RefinerOutput | None) -> list[BranchOutput]:
        found = [] if self.branch == "refined" else [BranchOutput(backbone.features, backbone.logits)]
        if self.branch != "backbone" and refined is not None:
            found += [BranchOutput(x, z) for x, z in zip(refined.features, refined.logits, strict=True)]
        return found
