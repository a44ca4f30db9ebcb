"""The running statistics of batch norms under gradient checkpointing, without its second forward pass."""

from __future__ import annotations

from collections.abc import Iterable

from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm


def update_twice(stages: Iterable[nn.Module]) -> None:
    """Make every training step move the running statistics of the batch norms inside as two steps would.

    Gradient checkpointing runs a stage a second time for its gradients, and its batch norms then take in the statistics
    of the batch a second time. Two updates r <- (1 - m) r + m s with the same s are one with 1 - (1 - m)^2 in the place
    of m. The count of batches, which no momentum depends on, still moves by one.

    Args:
        stages: The parts that a checkpoint would run twice.
    """
    for stage in stages:
        for module in stage.modules():
            if isinstance(module, _BatchNorm) and module.momentum is not None:
                module.momentum = 1 - (1 - module.momentum) ** 2
