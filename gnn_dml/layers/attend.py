"""Dense attention: torch's fused kernel, and the steps apart for those who need the weights.

Legend: N nodes, d channels per head, `...` batch and head dimensions.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import pad, scaled_dot_product_attention

from gnn_dml.layers.blocks import block_size, over_targets
from gnn_dml.layers.softmax import dense_softmax

MAX_BLOCK = 2**22
"""Numbers (..., b, N, d) that a block of `attend_max` holds."""


def fused_attention(
    q: Tensor, k: Tensor, v: Tensor, mask: Tensor | None, *, quiet: bool = False, drop: float = 0.0
) -> Tensor:
    """Softmax attention by torch's fused kernel, which has no second derivative on a CPU.

    Args:
        q: Queries of the targets (..., N, d).
        k: Keys of the sources (..., N, d).
        v: Values of the sources (..., N, d).
        mask: Boolean, broadcastable to (..., N, N), entry [target, source]; None if every pair is an edge.
        quiet: Whether the null key takes part (`gnn_dml.layers.softmax`).
        drop: Probability of dropping an attention weight.

    Returns:
        (..., N, d); 0 for a target without edges.
    """
    if q.dim() == 3:
        # The memory-saving kernels want a batch dimension, in the mask as well.
        return fused_attention(q[None], k[None], v[None], mask, quiet=quiet, drop=drop)[0]
    if mask is not None:
        mask = mask[(None,) * (q.dim() - mask.dim())]
    if quiet:
        k, v = pad(k, (0, 0, 0, 1)), pad(v, (0, 0, 0, 1))
        if mask is not None:
            mask = pad(mask, (0, 1), value=True)
        return scaled_dot_product_attention(q, k, v, attn_mask=mask, dropout_p=drop)
    if mask is None:
        return scaled_dot_product_attention(q, k, v, dropout_p=drop)
    # Kernels differ in what a fully masked row gives, so such a row is opened and its result thrown away.
    deaf = ~mask.any(dim=-1, keepdim=True)
    out = scaled_dot_product_attention(q, k, v, attn_mask=mask | deaf, dropout_p=drop)
    return torch.where(deaf, 0.0, out)


def attention_weights(q: Tensor, k: Tensor, mask: Tensor | None, *, quiet: bool = False) -> Tensor:
    """The softmax weights (..., N, N) that `fused_attention` applies, before dropout; arguments as there."""
    return dense_softmax(q @ k.mT * q.size(-1) ** -0.5, mask, quiet=quiet)


def attend_max(weights: Tensor, v: Tensor, mask: Tensor | None) -> Tensor:
    """The largest weighted message per channel: max_j weights_ij * v_j over the edges j -> i.

    Args:
        weights: (..., N, N), entry [target, source].
        v: (..., N, d).
        mask: As in `fused_attention`.

    Returns:
        (..., N, d); 0 for a target without edges.
    """

    def largest(weights: Tensor, mask: Tensor | None, v: Tensor) -> tuple[Tensor]:
        messages = weights.unsqueeze(-1) * v.unsqueeze(-3)
        if mask is None:
            return (messages.amax(dim=-2),)
        messages = messages.masked_fill(~mask.unsqueeze(-1), torch.finfo(v.dtype).min)
        return (messages.amax(dim=-2).masked_fill(~mask.any(dim=-1, keepdim=True), 0.0),)

    size = block_size(v.size(-2), v.numel(), MAX_BLOCK)
    return over_targets(largest, size, (weights, mask), v, random=False)[0]
