"""One message-passing step of the refiner.

Legend: N nodes, D channels, H heads, E edges, B graphs of equal size.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Literal, get_args

import torch
from torch import Tensor, nn

from gnn_dml.layers.dot_product import AttentionWeights
from gnn_dml.layers.weights import call_layer

Norm = Literal["after", "before", "none"]


def check_dropout(dropout: float) -> None:
    """Raise ValueError unless a probability of dropping is at least 0 and below 1."""
    if not 0 <= dropout < 1:
        raise ValueError(f"dropout must be at least 0 and below 1, not {dropout}")


class RefinerBlock(nn.Module):
    r"""One message-passing step: attention, dropout, residual, LayerNorm; then the same around a feed-forward network.

    With the defaults a transformer encoder block in the post-norm order, as in the published code:

    .. math:: h = \mathrm{LN}(x + \mathrm{att}(x)), \quad x' = \mathrm{LN}(h + \mathrm{FFN}(h))

    Args:
        attention: A layer from D to D channels, called as `attention(x, edges, edge_weight=edge_weight)`, or with the
            weights in the third place if it has no argument of that name; and where its attention is asked for, also
            with `return_attention_weights=True`, as PyG's layers take it. Features of edges go by the name `edge_attr`.
        dim: D.
        dropout: Probability of dropping a channel after the attention, inside the feed-forward network and after it.
        norm: LayerNorm "after" each sum, as published; "before" the attention and the network, so that nodes pass
            through unchanged beside them (Xiong et al. 2020); or "none".
        feed_forward: Whether there is a feed-forward network.
        gate: Where a learned factor of the messages starts, one number for the block: x + gate * att(x). At 0 the
            block begins without messages (Bachlechner et al. 2021). None: no such factor.

    Raises:
        ValueError: If a number or a name is out of range.

    >>> import torch
    >>> from gnn_dml.layers import DotProductAttention
    >>> from gnn_dml.models import RefinerBlock
    >>> RefinerBlock(DotProductAttention(8, num_heads=2), 8)(torch.randn(5, 8)).shape
    torch.Size([5, 8])
    """

    def __init__(
        self,
        attention: nn.Module,
        dim: int,
        *,
        dropout: float = 0.0,
        norm: Norm = "after",
        feed_forward: bool = True,
        gate: float | None = None,
    ) -> None:
        super().__init__()
        check_dropout(dropout)
        if norm not in get_args(Norm):
            raise ValueError(f"norm must be one of {', '.join(get_args(Norm))}, not {norm!r}")
        if gate is not None and not math.isfinite(gate):
            raise ValueError(f"gate must be a number or null, not {gate}")
        self.attention = attention
        self.norm = norm
        normed = norm != "none"
        self.norm1: nn.Module = nn.LayerNorm(dim) if normed else nn.Identity()
        self.feed_forward: nn.Sequential | None = None
        if feed_forward:
            self.feed_forward = nn.Sequential(
                nn.Linear(dim, 4 * dim), nn.ReLU(), nn.Dropout(dropout), nn.Linear(4 * dim, dim)
            )
            self.norm2: nn.Module = nn.LayerNorm(dim) if normed else nn.Identity()
        self.dropout = nn.Dropout(dropout)
        self.gate = None if gate is None else nn.Parameter(torch.tensor(float(gate)))

    def forward(
        self,
        x: Tensor,
        edges: Tensor | None = None,
        edge_weight: Tensor | None = None,
        edge_attr: Tensor | None = None,
        *,
        return_attention_weights: bool = False,
    ) -> Tensor | tuple[Tensor, AttentionWeights]:
        """Refine nodes (..., N, D) once; `edges` and what belongs to them as the attention layer takes them.

        Returns:
            The refined nodes (..., N, D); with `return_attention_weights` a pair of them and the layer's
            `(edges, attention)`.
        """
        attention, heard = None, self._heard(x)
        if return_attention_weights:
            received, attention = call_layer(
                self.attention, heard, edges, edge_weight, edge_attr, return_attention_weights=True
            )
        else:
            received = call_layer(self.attention, heard, edges, edge_weight, edge_attr)
        out = self._after(x, received)
        return out if attention is None else (out, attention)

    def first(
        self,
        x: Tensor,
        edges: Tensor | None = None,
        edge_weight: Tensor | None = None,
        edge_attr: Tensor | None = None,
    ) -> Tensor:
        """The first node refined, (..., 1, D): the same as in `forward`, without the work for all others.

        A layer with a method `to_first`, called as the layer is, spares its share of it; of any other layer the first
        node is taken.
        """
        heard = self._heard(x)
        to_first: Callable[..., Tensor] | None = getattr(self.attention, "to_first", None)
        if to_first is None:
            received = call_layer(self.attention, heard, edges, edge_weight, edge_attr)[..., :1, :]
        else:
            received = call_layer(to_first, heard, edges, edge_weight, edge_attr)
        return self._after(x[..., :1, :], received)

    def messages(
        self,
        x: Tensor,
        edges: Tensor | None = None,
        edge_weight: Tensor | None = None,
        edge_attr: Tensor | None = None,
    ) -> Tensor:
        """What is added to the nodes (..., N, D) by the attention, after its gate and before any norm."""
        return self._gated(call_layer(self.attention, self._heard(x), edges, edge_weight, edge_attr))

    def _heard(self, x: Tensor) -> Tensor:
        """What the attention sees of the nodes."""
        heard: Tensor = self.norm1(x) if self.norm == "before" else x
        return heard

    def _gated(self, received: Tensor) -> Tensor:
        return received if self.gate is None else self.gate * received

    def _after(self, x: Tensor, received: Tensor) -> Tensor:
        """What follows the attention, node by node."""
        x = x + self.dropout(self._gated(received))
        if self.norm == "after":
            x = self.norm1(x)
        if self.feed_forward is None:
            return x
        if self.norm == "before":
            added: Tensor = self.dropout(self.feed_forward(self.norm2(x)))
            return x + added
        out: Tensor = self.norm2(x + self.dropout(self.feed_forward(x)))
        return out
