r"""Additive attention over the complete graph by sorting: exact, in O(N log N + N C) time and O(N C) memory per head.

The score LeakyReLU(t_i + b_j) is b_j plus a number of the target above the kink, and s b_j plus another below it, with
s the negative slope. With the sources sorted by b, a target hears those above the kink, which are the last ones, and
those below it, which are the first ones, with weights that depend on the source alone but for a common factor:

.. math:: \sum_j e^{s_{ij}} v_j
    = e^{t_i} \sum_{j \ge p_i} e^{b_j} v_j + e^{s t_i} \sum_{j < p_i} e^{s b_j} v_j,

where p_i counts the b_j up to -t_i. Sums from the end and from the beginning give both parts for every p at once.

Nothing is subtracted but a target's own message where it does not hear itself. The weights of a target grow with b, so
its own is at most half of the sum, unless it is the source of the largest b: that one is computed by itself.

No power overflows for 0 <= s <= 1. All are taken relative to the largest b: it is in every sum of the last sources, and
a sum of the first ones that lacks it stands beside one that has it and outweighs what is lost.

Legend: N nodes, H heads, C channels per head, `...` batch dimensions.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import leaky_relu, pad

BLOCK = 64
"""Rows summed by one product with a triangle of ones."""


def attend_sorted(target: Tensor, source: Tensor, values: Tensor, slope: float, *, loop: bool) -> Tensor:
    """Softmax attention with the scores LeakyReLU(target_i + source_j) over every pair.

    Args:
        target: (..., H, N).
        source: (..., H, N).
        values: (..., H, N, C).
        slope: Of LeakyReLU below 0, from 0 to 1.
        loop: Whether a node hears itself; if not, there are at least two nodes.

    Returns:
        (..., H, N, C), computed at least in float32.
    """
    dtype = values.dtype
    target, source, values = (
        t.float() if t.dtype in (torch.float16, torch.bfloat16) else t for t in (target, source, values)
    )
    rising, order = source.sort(dim=-1)
    falling, reverse = rising.flip(-1), order.flip(-1)
    top = rising[..., -1:].detach()
    below = torch.searchsorted(rising.detach(), -target.detach().contiguous(), right=True)  # how many sources
    n = source.size(-1)

    height = target + top
    shift = torch.maximum(height, slope * height).detach()
    # An empty sum is read at a wrong place and taken zero times.
    above_factor = (height - shift).exp().masked_fill(below == n, 0.0)
    below_factor = (slope * height - shift).exp().masked_fill(below == 0, 0.0)
    above = _read_sums((falling - top).exp(), values, reverse, n - 1 - below, above_factor)
    under = _read_sums((slope * (rising - top)).exp(), values, order, below - 1, below_factor)
    received, total = above[0] + under[0], above[1] + under[1]
    if loop:
        mean: Tensor = received / total.unsqueeze(-1)
        return mean.to(dtype)
    own = (leaky_relu(target + source, slope) - shift).exp()
    last = order[..., -1:]
    own = own.scatter(-1, last, 0.0)
    out = (received - own.unsqueeze(-1) * values) / (total - own).unsqueeze(-1)
    scores = leaky_relu(target.gather(-1, last) + source, slope).scatter(-1, last, -torch.inf)
    alone = scores.softmax(dim=-1).unsqueeze(-2) @ values  # (..., H, 1, C)
    return out.scatter(-2, _over(last, values), alone).to(dtype)


def _read_sums(weight: Tensor, values: Tensor, order: Tensor, row: Tensor, factor: Tensor) -> tuple[Tensor, Tensor]:
    """What each target reads of the running sums of weighted values, and of the weights themselves.

    Args:
        weight: Of the sources in their order (..., H, N).
        values: (..., H, N, C).
        order: The sources in their order (..., H, N).
        row: The last source that a target hears (..., H, N); below 0 if none.
        factor: Of the target (..., H, N).
    """
    row = row.clamp(min=0)
    sums = _running_sum(values.gather(-2, _over(order, values)) * weight.unsqueeze(-1))
    return sums.gather(-2, _over(row, values)) * factor.unsqueeze(-1), weight.cumsum(-1).gather(-1, row) * factor


def _over(index: Tensor, values: Tensor) -> Tensor:
    """An index of nodes (..., k) for every channel of (..., N, C)."""
    return index.unsqueeze(-1).expand(*index.shape, values.size(-1))


def _running_sum(x: Tensor) -> Tensor:
    """Sums over the rows up to each, (..., N, C) to the same: products with triangles within blocks, sums of blocks."""
    n = x.size(-2)
    if n <= BLOCK:
        return x.cumsum(dim=-2)
    blocks = pad(x, (0, 0, 0, -n % BLOCK))
    blocks = blocks.view(*x.shape[:-2], -1, BLOCK, x.size(-1))
    within = torch.ones(BLOCK, BLOCK, dtype=x.dtype, device=x.device).tril() @ blocks
    before = within[..., -1, :].cumsum(dim=-2).roll(1, -2)
    before = torch.cat((torch.zeros_like(before[..., :1, :]), before[..., 1:, :]), dim=-2)
    sums: Tensor = within + before.unsqueeze(-2)
    return sums.flatten(-3, -2)[..., :n, :]
