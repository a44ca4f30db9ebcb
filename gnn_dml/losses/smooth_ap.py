"""Smooth AP: average precision over the ranking of a mini-batch, with a sigmoid for every comparison of two ranks.

Legend: N images, D channels.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import normalize

from gnn_dml.losses.term import Branch, BranchOutput, LossTerm


class SmoothAP(LossTerm):
    r"""One minus the smoothed average precision (Brown et al., ECCV 2020, equation 6).

    With the cosines S_ij of an image i, its positives P_i and a sigmoid G of the temperature t:

    .. math::
        L = 1 - \frac{1}{N'} \sum_{i: P_i} \frac{1}{|P_i|} \sum_{j \in P_i}
            \frac{1 + \sum_{k \in P_i, k \ne j} G(S_{ik} - S_{ij})}{1 + \sum_{k \ne i, j} G(S_{ik} - S_{ij})}

    over the N' images that have a positive; 0 if none has. As t goes to 0, L goes to one minus the mean average
    precision. It takes N^3 numbers, 1 MiB at 64 images and 4 GiB at 1,024, and waits for no device.

    Args:
        branch: See `LossTerm`; on "refined" it teaches the messages what retrieval asks of them.
        weight: See `LossTerm`.
        temperature: t, positive; as published 0.01.

    Raises:
        ValueError: If a name or number is out of range.

    Example:
        >>> import torch
        >>> from gnn_dml.losses import SmoothAP
        >>> from gnn_dml.losses.term import BranchOutput
        >>> x = torch.tensor([[1.0, 0.0], [1.0, 0.1], [0.0, 1.0], [0.1, 1.0]])
        >>> round(SmoothAP().compute(BranchOutput(x, None), torch.tensor([0, 0, 1, 1])).item(), 3)
        0.0
    """

    def __init__(self, *, branch: Branch = "refined", weight: float = 1.0, temperature: float = 0.01) -> None:
        super().__init__(branch=branch, weight=weight)
        if not temperature > 0:
            raise ValueError(f"temperature must be above 0, not {temperature}")
        self.temperature = temperature

    def compute(self, output: BranchOutput, labels: Tensor) -> Tensor:
        """The loss of embeddings (N, D) with labels (N,); a scalar."""
        x = normalize(output.features.float(), dim=1)
        scores = x @ x.mT
        itself = torch.eye(len(labels), dtype=torch.bool, device=labels.device)
        positive = (labels[:, None] == labels) & ~itself
        # above[i, j, k]: how far k stands above j in the ranking of i.
        above = torch.sigmoid((scores[:, None, :] - scores[:, :, None]) / self.temperature)
        above = above.masked_fill(itself[:, None, :] | itself[None], 0.0)
        rank = 1 + above.sum(dim=2)
        among_positives = 1 + (above * positive[:, None, :]).sum(dim=2)
        number = positive.sum(dim=1)
        precision = (among_positives / rank * positive).sum(dim=1) / number.clamp(min=1)
        answered = number > 0
        return ((1 - precision) * answered).sum() / answered.sum().clamp(min=1)
