"""Targets a block at a time, computed again in backward: memory grows with N x block and not with N x N.

Legend: N nodes, b targets of a block, `...` batch and head dimensions.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor
from torch.utils.checkpoint import checkpoint

Compute = Callable[..., tuple[Tensor, ...]]


def over_targets(
    compute: Compute, size: int, per_target: tuple[Tensor | None, ...], *shared: Tensor, random: bool
) -> tuple[Tensor, ...]:
    """Apply `compute` to blocks of targets and join what it returns.

    With more than one block, only the inputs of a block are kept for backward, which computes the block again.

    Args:
        compute: Called as `compute(*block_of_per_target, *shared)`; returns tensors (..., b, channels).
        size: b, at least 1.
        per_target: Tensors (..., N, channels), cut into blocks along dimension -2; None stays None.
        *shared: Tensors that every block sees whole.
        random: Whether `compute` draws random numbers, which backward must then draw again.

    Returns:
        As `compute` returns, with all N targets.
    """
    nodes = next(tensor.size(-2) for tensor in per_target if tensor is not None)
    if size >= nodes:
        return compute(*per_target, *shared)
    parts = []
    for start in range(0, nodes, size):
        block = [None if t is None else t[..., start : start + size, :] for t in per_target]
        parts.append(checkpoint(compute, *block, *shared, use_reentrant=False, preserve_rng_state=random))
    return tuple(torch.cat(results, dim=-2) for results in zip(*parts, strict=True))


def block_size(nodes: int, per_target: int, budget: int) -> int:
    """The largest b for which a block holds at most `budget` numbers, `per_target` for each target; at least 1."""
    return max(1, min(nodes, budget // max(1, per_target)))
