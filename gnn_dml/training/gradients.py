"""Which branch teaches the backbone: the gradients of both at its embedding.

Legend: N images, D channels.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import torch
from torch import Tensor

from gnn_dml.losses import Losses


class BranchGradients(NamedTuple):
    """Of one mini-batch, on its device.

    Attributes:
        share: Length of the refined branch's gradient over the sum of both lengths, ().
        cosine: Between the two, (); NaN where one is 0.
    """

    share: Tensor
    cosine: Tensor


def branch_gradients(losses: Losses, terms: Mapping[str, Tensor], embedding: Tensor) -> BranchGradients | None:
    """Compare the gradients of the weighted terms of either branch at the backbone's embedding.

    The graph of the step is kept, and no gradient of a weight is touched. Terms on both branches are left out.

    Args:
        losses: Whose terms they are.
        terms: Of a mini-batch, before their weights and still to be differentiated.
        embedding: (N, D) before normalisation, of which the terms are functions.

    Returns:
        None where a branch has no term.
    """
    known = losses.named_terms()
    found = {}
    for branch in ("backbone", "refined"):
        parts = [known[name].weight * term for name, term in terms.items() if known[name].branch == branch]
        parts = [part for part in parts if part.requires_grad]
        if not parts:
            return None
        (gradient,) = torch.autograd.grad(
            torch.stack(parts).sum(), [embedding], retain_graph=True, allow_unused=True, materialize_grads=True
        )
        found[branch] = gradient.flatten().float()
    backbone, refined = found["backbone"], found["refined"]
    ours, theirs = refined.norm(), backbone.norm()
    return BranchGradients(ours / (ours + theirs), (refined @ backbone) / (ours * theirs))
