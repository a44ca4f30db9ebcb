r"""The scores of GATv2 and their gradient in two loops that torch's compiler writes, where there is a C++ compiler.

With z = target_i + source_j the score is a sum over channels of a * LeakyReLU(z), and LeakyReLU(z) is a multiple of z,
which needs no pairs, beside one of abs(z). The gradient needs for each target and channel only how much of the
gradient lies on sources with z > 0, and the same for each source: the derivative by `a` follows from these.

Compiling takes seconds, once in a process and for all sizes of graphs.

Legend: N sources, b targets, H heads, C channels per head, `...` batch dimensions.
"""

from __future__ import annotations

import functools
import warnings
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

Loop = Callable[[Tensor, Tensor, Tensor], Tensor]


def scores_by_compiling(target: Tensor, source: Tensor, a: Tensor, slope: float) -> Tensor:
    """The scores at least in float32; arguments as in `gnn_dml.layers.additive.additive_scores`."""
    dtype = target.dtype
    target, source, a = (t.float() if t.dtype in (torch.float16, torch.bfloat16) else t for t in (target, source, a))
    scores: Tensor = _Scores.apply(target, source, a, slope)
    return scores.to(dtype)


@functools.cache
def can_compile() -> bool:
    """Whether the loops could be compiled, which the first call tries; if not, a warning says why."""
    sizes = {"target": (3, 40, 64), "source": (3, 72, 64)}
    target, source = (torch.zeros(size) for size in sizes.values())
    bent, above = _loops()
    try:
        with torch.no_grad():
            bent(target, source, torch.zeros(3, 64))
            above(target, source, torch.zeros(3, 40, 72))
    except Exception as error:  # whatever keeps a compiler from working
        said = str(error).strip().splitlines()
        warnings.warn(f"GATv2Conv is not compiled: {said[0] if said else type(error).__name__}", stacklevel=2)
        return False
    return True


def _sum_of_absolutes(target: Tensor, source: Tensor, weight: Tensor) -> Tensor:
    """sum_c weight_c * abs(target_ic + source_jc): (H, b, C), (H, N, C), (H, C) to (H, b, N)."""
    return ((target.unsqueeze(-2) + source.unsqueeze(-3)).abs() * weight[:, None, None]).sum(-1)


def _sum_above(target: Tensor, source: Tensor, grad: Tensor) -> Tensor:
    """sum_j grad_ij over the sources with target_ic + source_jc > 0: (H, b, C), (H, N, C), (H, b, N) to (H, b, C)."""
    return torch.where(target.unsqueeze(-2) + source.unsqueeze(-3) > 0, grad.unsqueeze(-1), 0.0).sum(-2)


@functools.cache
def _loops() -> tuple[Loop, Loop]:
    return torch.compile(_sum_of_absolutes, dynamic=True), torch.compile(_sum_above, dynamic=True)


class _Scores(torch.autograd.Function):
    """(..., H, b, C), (..., H, N, C) and (H, C) to (..., H, b, N)."""

    @staticmethod
    def forward(ctx: Any, target: Tensor, source: Tensor, a: Tensor, slope: float) -> Tensor:
        ctx.save_for_backward(target, source, a)
        ctx.slope = slope
        linear = target @ a.unsqueeze(-1) + (source @ a.unsqueeze(-1)).mT
        bent, _ = _loops()
        each = a.expand(*target.shape[:-2], a.size(-1))
        found = bent(_flat(target), _flat(source), each.reshape(-1, a.size(-1)))
        return (1 + slope) / 2 * linear + (1 - slope) / 2 * found.view(linear.shape)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, Tensor, Tensor, None]:
        target, source, a = ctx.saved_tensors
        slope: float = ctx.slope
        _, above = _loops()
        at_target = above(_flat(target), _flat(source), _flat(grad)).view(target.shape)
        at_source = above(_flat(source), _flat(target), _flat(grad.mT)).view(source.shape)
        at_target = slope * grad.sum(-1).unsqueeze(-1) + (1 - slope) * at_target
        at_source = slope * grad.sum(-2).unsqueeze(-1) + (1 - slope) * at_source
        by_a = (target * at_target).sum(-2) + (source * at_source).sum(-2)
        each = a.unsqueeze(-2)
        return each * at_target, each * at_source, by_a.sum_to_size(a.shape), None


def _flat(x: Tensor) -> Tensor:
    """The last two dimensions, and one for all others, without gaps."""
    return x.reshape(-1, *x.shape[-2:]).contiguous()
