"""The refiner: blocks of message passing over the graph of a mini-batch, with their necks and classifiers.

Legend: N nodes, D_in channels in, D = D_in / reduction, L blocks, C classes, B graphs of equal size.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal, get_args

import torch
from torch import Tensor, nn
from torch.nn.functional import normalize

from gnn_dml.graphs import check_edge_features, edge_features
from gnn_dml.layers.dot_product import AttentionWeights
from gnn_dml.layers.edge_attributes import read_edges
from gnn_dml.layers.weights import build_layer, takes_weights
from gnn_dml.models.block import Norm, RefinerBlock, check_dropout
from gnn_dml.models.neck import Neck
from gnn_dml.models.start import Start, start_block, start_edge_features, start_map

Output = Literal["last", "concatenated", "every"]


@dataclass(frozen=True)
class RefinerOutput:
    """What a refiner returns.

    Attributes:
        features: L2-normalised refined embeddings (..., N, D'), one entry, or one per layer for `output="every"`.
        logits: Class scores (..., N, C), in the same number.
        attention: Where it was asked for, `(edges, attention)` of every block as its layer returns them: (..., H, N, N)
            [target, source] beside a matrix or None, (..., E, H) beside an edge_index. Else empty.
    """

    features: tuple[Tensor, ...]
    logits: tuple[Tensor, ...]
    attention: tuple[AttentionWeights, ...] = ()


class Refiner(nn.Module):
    """Refines the embeddings of a mini-batch by message passing over its graph (ICML 2021, section 3.3).

    A linear map, L blocks, and for each supervised layer a batch-norm neck with its bias frozen at 0 and a classifier
    without bias. The graph is an argument of the call: the refiner knows no topology.

    Args:
        dim: D_in, channels of the node features.
        num_classes: C.
        layer: Called as `layer(D)` once per block, or `layer(D, edge_dim=F)` for F features of edges; returns an
            attention layer of this package.
        num_layers: L.
        reduction: D_in / D; 1 in every published configuration.
        output: "last" layer, all layers "concatenated", or "every" layer with its own neck, classifier and logits.
        dropout: Inside the blocks; see `RefinerBlock`.
        weighted: Whether the edge weights of the call go to the layers, to multiply the attention (the published
            `mult_attr`); if not, they are ignored. Changes no parameter.
        scale_input: Whether nodes are multiplied by sqrt(D_in) first. Channels of L2-normalised embeddings are of size
            1 / sqrt(D_in), at which products of queries and keys are next to 0 and attention is uniform.
        start: "published": random maps. "identity": the refined embedding begins as the backbone's, up to the norm; the
            messages through a gate at 0. "expansion": it begins as query expansion, the node plus the mean of what it
            hears, weighted by similarity.
        temperature: Of that similarity at the start "expansion": softmax(cosine / temperature).
        norm: Where the blocks have their LayerNorm; see `RefinerBlock`.
        feed_forward: Whether the blocks have a feed-forward network.
        gate: Where the learned factor of the messages starts; None is no factor, but 0 at the start "identity".
        detached: Whether gradients of the refined branch end at the nodes and do not reach the backbone.
        edge_features: What every block is told of each edge: any of `gnn_dml.graphs.EDGE_FEATURES`, computed from the
            embeddings of the call, without gradient, in O(N^2) memory. They are divided by `temperature`, so that a
            weight of 1 counts as much as a cosine does at the start "expansion". Their effect begins at 0.
        mutual_k: Of the feature "mutual": how many others are near to a node.

    Raises:
        ValueError: If a number or a name is out of range, it is `weighted` and the layer takes no edge weights, there
            are edge features and the layer takes none, or the layer knows no such start.

    Attributes:
        out_dim: D', channels of a refined embedding.

    >>> import torch
    >>> from functools import partial
    >>> from gnn_dml.graphs import KNN, build_edges
    >>> from gnn_dml.layers import DotProductAttention
    >>> from gnn_dml.models import Refiner
    >>> refiner = Refiner(16, num_classes=3, layer=partial(DotProductAttention, num_heads=4), num_layers=2)
    >>> x = torch.nn.functional.normalize(torch.randn(6, 16), dim=1)
    >>> out = refiner(x, *build_edges(KNN(2), x, None))
    >>> out.features[0].shape, out.logits[0].shape
    (torch.Size([6, 16]), torch.Size([6, 3]))
    """

    def __init__(
        self,
        dim: int,
        num_classes: int,
        layer: Callable[[int], nn.Module],
        *,
        num_layers: int = 1,
        reduction: int = 1,
        output: Output = "last",
        dropout: float = 0.0,
        weighted: bool = False,
        scale_input: bool = False,
        start: Start = "published",
        temperature: float = 0.1,
        norm: Norm = "after",
        feed_forward: bool = True,
        gate: float | None = None,
        detached: bool = False,
        edge_features: Sequence[str] = (),
        mutual_k: int = 3,
    ) -> None:
        super().__init__()
        if num_layers < 1:
            raise ValueError(f"num_layers must be at least 1, not {num_layers}")
        if reduction < 1 or dim % reduction:
            raise ValueError(f"reduction must divide dim={dim}, and {reduction} does not")
        if output not in get_args(Output):
            raise ValueError(f"output must be one of {', '.join(get_args(Output))}, not {output!r}")
        if start not in get_args(Start):
            raise ValueError(f"start must be one of {', '.join(get_args(Start))}, not {start!r}")
        if not temperature > 0:
            raise ValueError(f"temperature must be above 0, not {temperature}")
        check_dropout(dropout)
        width = dim // reduction
        self.output = output
        self.weighted = weighted
        self.scale = math.sqrt(dim) if scale_input else 1.0
        self.detached = detached
        self.temperature = temperature
        self.edge_features = check_edge_features(edge_features, mutual_k)
        self.mutual_k = mutual_k
        self.reduce = nn.Linear(dim, width)
        gate = 0.0 if start == "identity" and gate is None else gate
        self.blocks = nn.ModuleList(
            RefinerBlock(
                build_layer(layer, width, self.edge_features),
                width,
                dropout=dropout,
                norm=norm,
                feed_forward=feed_forward,
                gate=gate,
            )
            for _ in range(num_layers)
        )
        if self.edge_features:
            for block in self.blocks:
                assert isinstance(block, RefinerBlock)
                start_edge_features(block)
        if start != "published":
            start_map(self.reduce)
            for block in self.blocks:
                assert isinstance(block, RefinerBlock)
                start_block(block, start, temperature=temperature, dim=width)
        if weighted:
            self._check_layers()
        self.out_dim = out_width = width * num_layers if output == "concatenated" else width
        self.necks = nn.ModuleList(Neck(out_width, num_classes) for _ in range(num_layers if output == "every" else 1))

    def forward(
        self,
        x: Tensor,
        edges: Tensor | None = None,
        edge_weight: Tensor | None = None,
        *,
        return_attention_weights: bool = False,
    ) -> RefinerOutput:
        """Refine the nodes of one graph, or of B graphs at once.

        Args:
            x: Embeddings (N, D_in) or (B, N, D_in); L2-normalised in training.
            edges: An edge_index (2, E), a boolean adjacency (N, N) or (B, N, N) with entry [target, source], or None
                for the complete graph with self-loops.
            edge_weight: As the attention layer takes it; needed if `weighted` is set and ignored if it is not.
            return_attention_weights: Whether the output holds the attention of every block.

        Raises:
            ValueError: If the refiner is `weighted` and there are no edge weights.
        """
        given = (edges, self._used(edge_weight), self._features(x, edges))
        x = self._nodes(x)
        hidden, attention = [], []
        for block in self.blocks:
            if return_attention_weights:
                x, weights = block(x, *given, return_attention_weights=True)
                attention.append(weights)
            else:
                x = block(x, *given)
            hidden.append(x)
        if self.output == "last":
            hidden = hidden[-1:]
        elif self.output == "concatenated":
            hidden = [torch.cat(hidden, dim=-1)]
        return RefinerOutput(
            features=tuple(normalize(h, dim=-1) for h in hidden),
            logits=tuple(neck(h) for neck, h in zip(self.necks, hidden, strict=True)),
            attention=tuple(attention),
        )

    def first(self, x: Tensor, edges: Tensor | None = None, edge_weight: Tensor | None = None) -> Tensor:
        """The last features of the first node of each graph, without the work for the others in the last block.

        In eval mode these are `forward(...).features[-1][..., 0, :]`, as far as rounding goes.

        Args:
            x: As in `forward`, and so are the other arguments.
            edges: See there.
            edge_weight: See there.

        Returns:
            L2-normalised (D',) or (B, D').

        Raises:
            ValueError: If the refiner is `weighted` and there are no edge weights.
        """
        given = (edges, self._used(edge_weight), self._features(x, edges))
        x = self._nodes(x)
        hidden = []
        for block in self.blocks[:-1]:
            x = block(x, *given)
            hidden.append(x[..., :1, :])
        last = self.blocks[-1]
        assert isinstance(last, RefinerBlock)
        hidden.append(last.first(x, *given))
        out = torch.cat(hidden, dim=-1) if self.output == "concatenated" else hidden[-1]
        return normalize(out.squeeze(-2), dim=-1)

    def _nodes(self, x: Tensor) -> Tensor:
        """The nodes (..., N, D) that the first block sees."""
        x = x.detach() if self.detached else x
        nodes: Tensor = self.reduce(x if self.scale == 1 else x * self.scale)
        return nodes

    def _features(self, x: Tensor, edges: Tensor | None) -> Tensor | None:
        """The features of the edges, in the form that goes with them; None where there are none."""
        if not self.edge_features:
            return None
        found = edge_features(x, self.edge_features, mutual_k=self.mutual_k)
        return read_edges(found / self.temperature, edges)

    def _check_layers(self) -> None:
        for block in self.blocks:
            layer = block.attention
            if isinstance(layer, nn.Module) and not takes_weights(layer):
                raise ValueError(
                    f"weighted=True needs a layer that takes edge weights, and {type(layer).__name__} does not"
                )

    def _used(self, edge_weight: Tensor | None) -> Tensor | None:
        """The edge weights that go to the layers."""
        if not self.weighted:
            return None
        if edge_weight is None:
            raise ValueError("weighted=True multiplies the attention by edge weights, and edge_weight is None")
        return edge_weight
