"""A look inside the refiner: the attention of every block, and how large its messages are.

Legend: N nodes, D channels, H heads, E edges.
"""

from __future__ import annotations

import inspect
from contextlib import ExitStack
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from gnn_dml.graphs import Edges
from gnn_dml.models import Refiner, RefinerBlock
from gnn_dml.training.mode import eval_mode


class BlockView(NamedTuple):
    """What one block did with a graph.

    Attributes:
        edges: As they were given to its layer.
        attention: (H, N, N) [target, source] beside a matrix or None, (E, H) beside an edge_index.
        message: Mean length of what is added to a node, as a share of the node's own, ().
    """

    edges: Tensor | None
    attention: Tensor
    message: Tensor


@torch.no_grad()
def look_inside(refiner: Refiner, x: Tensor, edges: Edges) -> list[BlockView]:
    """Refine nodes (N, D) once more, in eval mode and without gradient, and watch; no bit of a training changes.

    Returns:
        A view for each block; nothing if a layer cannot return its attention.
    """
    blocks = [block for block in refiner.blocks if isinstance(block, RefinerBlock)]
    if not all(returns_attention(block.attention) for block in blocks):
        return []
    nodes: list[Tensor] = []
    received: list[Tensor] = []

    def see_nodes(module: nn.Module, given: tuple[Any, ...]) -> None:
        nodes.append(given[0])

    def see_messages(module: nn.Module, given: tuple[Any, ...], out: Any) -> None:
        received.append(out[0])

    with eval_mode(refiner), ExitStack() as hooks:
        for block in blocks:
            hooks.callback(block.register_forward_pre_hook(see_nodes).remove)
            hooks.callback(block.attention.register_forward_hook(see_messages).remove)
        attention = refiner(x, *edges, return_attention_weights=True).attention
    views = []
    for block, node, message, (used, weights) in zip(blocks, nodes, received, attention, strict=True):
        message = message if block.gate is None else block.gate * message
        size = message.norm(dim=-1).mean() / node.norm(dim=-1).mean()
        views.append(BlockView(used, weights.float(), size))
    return views


def returns_attention(layer: object) -> bool:
    """Whether a layer has PyG's `return_attention_weights`."""
    assert isinstance(layer, nn.Module)
    return "return_attention_weights" in inspect.signature(layer.forward).parameters
