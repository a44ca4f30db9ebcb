"""Dense attention: torch's fused kernel, and the steps apart for those who need the weights.

Legend: N nodes, H heads, d channels per head, `...` batch and head dimensions.
"""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor
from torch.nn.functional import dropout, pad, scaled_dot_product_attention

from gnn_dml.layers.blocks import block_size, over_targets
from gnn_dml.layers.softmax import dense_softmax

Aggregation = Literal["sum", "mean", "max"]
"""How weighted messages meet: their sum; that over the number of incoming edges; the largest of each channel."""

MAX_BLOCK = 2**22
"""Numbers (..., b, N, d) that a block of `attend_max` holds."""


def dense_attention(
    q: Tensor,
    k: Tensor,
    v: Tensor,
    adjacency: Tensor | None,
    weight: Tensor | None = None,
    added: Tensor | None = None,
    *,
    aggregation: Aggregation = "sum",
    quiet: bool = False,
    drop: float = 0.0,
    want_attention: bool = False,
) -> tuple[Tensor, Tensor | None]:
    """All heads' messages, by the fused kernel where nothing needs the weights apart. Here `...` are batches alone.

    Args:
        q: Queries of the n targets (..., H, n, d).
        k: Keys of the sources (..., H, N, d).
        v: Values of the sources (..., H, N, d).
        adjacency: Boolean (..., n, N), or None if every pair is an edge.
        weight: Multiplies the attention, (..., n, N), or None.
        added: To the scaled products, (..., H, n, N), or None.
        aggregation: How weighted messages meet.
        quiet: Whether the null key takes part (`gnn_dml.layers.softmax`).
        drop: Probability of dropping an attention weight.
        want_attention: Whether to return the attention too.

    Returns:
        The messages received (..., n, H * d), and the attention before dropout (..., H, n, N) if it is wanted.
    """
    # A dimension for the heads: (..., n, N) -> (..., 1, n, N).
    mask = None if adjacency is None else adjacency.unsqueeze(-3)
    attention = None
    if weight is None and aggregation != "max" and not want_attention:
        received = fused_attention(q, k, v, mask, added=added, quiet=quiet, drop=drop)
    else:
        attention = attention_weights(q, k, mask, added=added, quiet=quiet)
        applied = dropout(attention, drop)
        if weight is not None:
            applied = applied * weight.unsqueeze(-3)
        received = attend_max(applied, v, mask) if aggregation == "max" else applied @ v
    received = received.transpose(-3, -2).flatten(-2)
    if aggregation == "mean":
        count = k.size(-2) if adjacency is None else adjacency.sum(-1, keepdim=True).clamp(min=1)
        received = received / count
    return received, attention if want_attention else None


def fused_attention(
    q: Tensor,
    k: Tensor,
    v: Tensor,
    mask: Tensor | None,
    *,
    added: Tensor | None = None,
    quiet: bool = False,
    drop: float = 0.0,
) -> Tensor:
    """Softmax attention by torch's fused kernel, which has no second derivative on a CPU.

    Where what is `added` needs a gradient, torch takes its steps one by one on a CPU, in memory for all (..., N, N).

    Args:
        q: Queries of the targets (..., N, d).
        k: Keys of the sources (..., N, d).
        v: Values of the sources (..., N, d).
        mask: Boolean, broadcastable to (..., N, N), entry [target, source]; None if every pair is an edge.
        added: To the scaled products, (..., N, N), entry [target, source]; or None.
        quiet: Whether the null key takes part (`gnn_dml.layers.softmax`).
        drop: Probability of dropping an attention weight.

    Returns:
        (..., N, d); 0 for a target without edges.
    """
    if q.dim() == 3:
        # The memory-saving kernels want a batch dimension, in the mask as well.
        added = None if added is None else added[None]
        return fused_attention(q[None], k[None], v[None], mask, added=added, quiet=quiet, drop=drop)[0]
    if mask is not None:
        mask = mask[(None,) * (q.dim() - mask.dim())]
    if quiet:
        k, v = pad(k, (0, 0, 0, 1)), pad(v, (0, 0, 0, 1))
        if mask is not None:
            mask = pad(mask, (0, 1), value=True)
        if added is not None:
            added = pad(added, (0, 1))
        return scaled_dot_product_attention(q, k, v, attn_mask=_joined(mask, added, q), dropout_p=drop)
    if mask is None:
        return scaled_dot_product_attention(q, k, v, attn_mask=_joined(None, added, q), dropout_p=drop)
    # Kernels differ in what a fully masked row gives, so such a row is opened and its result thrown away.
    deaf = ~mask.any(dim=-1, keepdim=True)
    out = scaled_dot_product_attention(q, k, v, attn_mask=_joined(mask | deaf, added, q), dropout_p=drop)
    return torch.where(deaf, 0.0, out)


def _joined(mask: Tensor | None, added: Tensor | None, q: Tensor) -> Tensor | None:
    """A boolean mask and what is added to the products, as one argument of torch's kernel."""
    if added is None:
        return mask
    added = added.to(q.dtype)
    return added if mask is None else added.masked_fill(~mask, -torch.inf)


def attention_weights(
    q: Tensor, k: Tensor, mask: Tensor | None, *, added: Tensor | None = None, quiet: bool = False
) -> Tensor:
    """The softmax weights (..., N, N) that `fused_attention` applies, before dropout; arguments as there."""
    scores = q @ k.mT * q.size(-1) ** -0.5
    return dense_softmax(scores if added is None else scores + added, mask, quiet=quiet)


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
