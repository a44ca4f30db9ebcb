"""The batch-norm neck with its classifier, put on refined embeddings in training."""

from __future__ import annotations

from torch import Tensor, nn


class Neck(nn.Module):
    """BatchNorm1d with its bias frozen at 0, then a linear classifier without bias.

    As in the published code, after "Bag of Tricks and a Strong Baseline for Deep Person Re-Identification" (2019). The
    classifier starts from a normal distribution of standard deviation 0.001.

    Args:
        dim: Channels in.
        num_classes: Class scores out.
    """

    def __init__(self, dim: int, num_classes: int) -> None:
        super().__init__()
        self.norm = nn.BatchNorm1d(dim)
        self.norm.bias.requires_grad_(False)
        self.classifier = nn.Linear(dim, num_classes, bias=False)
        nn.init.normal_(self.classifier.weight, std=0.001)

    def forward(self, x: Tensor) -> Tensor:
        """Class scores (..., C) of embeddings (..., dim); the leading dimensions are one batch to the norm."""
        scores: Tensor = self.classifier(self.norm(x.reshape(-1, x.size(-1))))
        return scores.view(*x.shape[:-1], -1)
