"""The multi-similarity loss: a retrieval loss over all pairs of a mini-batch.

Legend: N images, D channels.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import normalize

from gnn_dml.losses.term import Branch, BranchOutput, LossTerm


class MultiSimilarity(LossTerm):
    r"""Multi-similarity loss without its miner (Wang et al., CVPR 2019, equation 15).

    With the cosines S_ij of an image i to its positives P_i and its negatives N_i:

    .. math::
        L = \frac{1}{N} \sum_i \frac{1}{\alpha} \log\Big(1 + \sum_{j \in P_i} e^{-\alpha (S_{ij} - \lambda)}\Big)
            + \frac{1}{\beta} \log\Big(1 + \sum_{j \in N_i} e^{\beta (S_{ij} - \lambda)}\Big)

    It is computed on the whole matrix and waits for no device.

    Args:
        branch: See `LossTerm`; on "refined" it teaches the messages what retrieval asks of them.
        weight: See `LossTerm`.
        alpha: How much the hardest positives count, above 0.
        beta: How much the hardest negatives count, above 0.
        base: The cosine that parts them.

    Raises:
        ValueError: If a name or number is out of range.

    Example:
        >>> import torch
        >>> from gnn_dml.losses import MultiSimilarity
        >>> from gnn_dml.losses.term import BranchOutput
        >>> x = torch.tensor([[1.0, 0.0], [1.0, 0.0], [0.0, 1.0], [0.0, 1.0]])
        >>> labels = torch.tensor([0, 0, 1, 1])
        >>> loss = MultiSimilarity()
        >>> loss.compute(BranchOutput(x, None), labels) < loss.compute(BranchOutput(x, None), labels.roll(1))
        tensor(True)
    """

    def __init__(
        self,
        *,
        branch: Branch = "refined",
        weight: float = 1.0,
        alpha: float = 2.0,
        beta: float = 40.0,
        base: float = 0.5,
    ) -> None:
        super().__init__(branch=branch, weight=weight)
        for name, value in (("alpha", alpha), ("beta", beta)):
            if not value > 0:
                raise ValueError(f"{name} must be above 0, not {value}")
        self.alpha = alpha
        self.beta = beta
        self.base = base

    def compute(self, output: BranchOutput, labels: Tensor) -> Tensor:
        """The loss of embeddings (N, D) with labels (N,); a scalar."""
        x = normalize(output.features.float(), dim=1)
        gap = x @ x.mT - self.base
        same = labels[:, None] == labels
        positive = same & ~torch.eye(len(labels), dtype=torch.bool, device=labels.device)
        pull = _log_one_plus_sum(-self.alpha * gap, positive) / self.alpha
        push = _log_one_plus_sum(self.beta * gap, ~same) / self.beta
        return (pull + push).mean()


def _log_one_plus_sum(exponents: Tensor, there: Tensor) -> Tensor:
    """log(1 + sum of exp over the marked entries of each row): (N, N) -> (N,)."""
    masked = exponents.masked_fill(~there, -torch.inf)
    return torch.cat([torch.zeros_like(masked[:, :1]), masked], dim=1).logsumexp(dim=1)
