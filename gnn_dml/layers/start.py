"""What the layers share when they start as query expansion.

Legend: D channels, H heads, d = D / H.
"""

from __future__ import annotations

import math

import torch
from torch import nn


@torch.no_grad()
def start_as_product(query: nn.Linear, key: nn.Linear, *, heads: int, temperature: float, norm: float) -> None:
    """Set queries and keys so that their scaled product is cosine / temperature.

    Args:
        query: From D to D channels, taken to start as a multiple of the identity.
        key: Likewise.
        heads: H.
        temperature: Of the softmax that follows.
        norm: Length of the nodes' vectors, which a head has 1 / sqrt(H) of.
    """
    channels = query.weight.size(0) / heads
    factor = math.sqrt(heads * math.sqrt(channels) / temperature) / norm
    for linear in (query, key):
        linear.weight.copy_(factor * torch.eye(*linear.weight.shape))
        nn.init.zeros_(linear.bias)
