"""Where the refiner begins: as published, at the identity, or as query expansion.

At the published start a random map of the nodes and random messages stand between an embedding and its refined form,
and training has to undo them first. The two others begin with what is known to be harmless or helpful, and leave to
training what it makes of it; docs/refiner.md has the figures.
"""

from __future__ import annotations

import math
from typing import Literal, Protocol, runtime_checkable

import torch
from torch import Tensor, nn

from gnn_dml.models.block import RefinerBlock

Start = Literal["published", "identity", "expansion"]


@runtime_checkable
class StartsAsExpansion(Protocol):
    """A layer that can begin as a weighted mean of the nodes that it hears, the more similar the heavier."""

    def start_as_expansion(self, *, temperature: float, norm: float) -> None:
        """Start with messages that are means of the sources, weighted by softmax(cosine / temperature).

        Args:
            temperature: Of the softmax over cosines.
            norm: Length of the nodes' vectors.
        """
        ...


def start_map(linear: nn.Linear) -> None:
    """Set a linear map to the identity, or to its first rows where it narrows, without bias."""
    with torch.no_grad():
        nn.init.eye_(linear.weight)
        if linear.bias is not None:
            nn.init.zeros_(linear.bias)


def start_edge_features(block: RefinerBlock) -> None:
    """Let the features of edges begin without effect: the map that PyG's layers call `lin_edge` is set to 0.

    `DotProductAttention` begins so by itself; a layer that has neither begins as it says.
    """
    linear = getattr(block.attention, "lin_edge", None)
    if isinstance(linear, nn.Module) and isinstance(linear.weight, Tensor):
        nn.init.zeros_(linear.weight)


def start_block(block: RefinerBlock, start: Start, *, temperature: float, dim: int) -> None:
    """Let a block begin without a feed-forward part; with "expansion" its messages are means of similar nodes.

    Args:
        block: With a gate at 0 where the start is "identity".
        start: Anything but "published", at which nothing changes.
        temperature: See `StartsAsExpansion`.
        dim: Channels; nodes are taken to have vectors of length sqrt(dim), as after a LayerNorm.

    Raises:
        ValueError: If the layer cannot begin so.
    """
    if start == "published":
        return
    if block.feed_forward is not None:
        last = block.feed_forward[-1]
        assert isinstance(last, nn.Linear)
        nn.init.zeros_(last.weight)
        nn.init.zeros_(last.bias)
    if start == "identity":
        return
    layer = block.attention
    if not isinstance(layer, StartsAsExpansion):
        raise ValueError(
            f"start='expansion' needs a layer with a method start_as_expansion, and {type(layer).__name__} has none; "
            "start='identity' (refiner.start=identity) works with every layer"
        )
    layer.start_as_expansion(temperature=temperature, norm=math.sqrt(dim))
