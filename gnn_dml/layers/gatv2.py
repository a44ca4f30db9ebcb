"""PyG's GATv2Conv with a dense path that works on blocks of targets.

Legend: N nodes, b targets of a block, H heads, C channels per head, E edges, F features of an edge, B graphs of equal
size.
"""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import dropout
from torch_geometric.nn import GATv2Conv as PyGGATv2Conv
from torch_geometric.typing import Adj

from gnn_dml.layers.additive import additive_scores, by_distance, scores_by_broadcasting
from gnn_dml.layers.blocks import block_size, over_targets
from gnn_dml.layers.compiled import can_compile, scores_by_compiling
from gnn_dml.layers.edges import is_symbolic
from gnn_dml.layers.path import Backend, Crossover
from gnn_dml.layers.pyg import Nodes, as_pygs, check_heads, pass_messages, settle_backend
from gnn_dml.layers.softmax import dense_softmax
from gnn_dml.layers.steps import OwnSteps

MAX_SCORES = 2**20
"""Scores (..., H, b, N) that a block holds where they come from distances."""

COMPILED_FROM = 2**29
"""Hidden channels (..., H, N, N, C) from which on the loops are compiled: ten to twenty steps make up for it."""

MAX_HIDDEN = 2**26
"""Hidden channels (..., H, b, N, C) that a block holds where they do not."""


class GATv2Conv(OwnSteps, PyGGATv2Conv):
    r"""Graph attention with dynamic scores (Brody et al. 2022).

    .. math:: s_{ij} = a \cdot \mathrm{LeakyReLU}(W_l x_j + W_r x_i)

    PyG's own class: constructor, parameters and state dict are PyG's, and the sparse path is PyG's code. The dense path
    takes targets in blocks and computes them again in backward, so that memory grows with N x b.

    Note that PyG's default `add_self_loops=True` gives every node a self-loop whatever the graph says; `for_dim`, which
    the configuration uses, leaves self-loops to the topology.

    Args:
        *args: As in `torch_geometric.nn.GATv2Conv`.
        backend: "dense" or "sparse" forces a path; "auto" takes the faster one (`gnn_dml.layers.path`). The sparse one
            is taken wherever a step of message passing was changed (`gnn_dml.layers.steps`).
        compiled: Whether the dense path on a CPU runs loops that torch compiles (`gnn_dml.layers.compiled`): a third of
            the time, after seconds of compiling in each process. None compiles by size alone, so that a training does
            the same from step to step: for 8 heads of 64 channels from 1,024 nodes on, where ten to twenty steps make
            up for it. Where there is no C++ compiler a warning says so, and the layer goes on without. The numbers
            differ by rounding.
        **kwargs: As in `torch_geometric.nn.GATv2Conv`. Aggregations other than the sum, bipartite graphs, and edge
            features (`edge_dim`) beside `add_self_loops` have no dense path.

    Raises:
        ValueError: If the backend is unknown, or "dense" is forced on what has no dense path.

    Attributes:
        takes_weights: False: it takes no edge weights.

    >>> import torch
    >>> from gnn_dml.graphs import KNN
    >>> from gnn_dml.layers import GATv2Conv
    >>> x = torch.randn(5, 8)
    >>> GATv2Conv.for_dim(8, num_heads=2)(x, KNN(2).adjacency(x)).shape
    torch.Size([5, 8])
    """

    # See GATConv: PyG looks for these types by the bare class name.
    edge_updater_type = {"x": "PairTensor", "edge_attr": "OptTensor"}
    propagate_type = {"x": "PairTensor", "alpha": "Tensor"}
    takes_weights = False
    crossover = Crossover((54, 1396), (90, 2281), (256, 9445), (512, 27543), (1024, 47265), (2048, 125688))

    def __init__(self, *args: Any, backend: Backend = "auto", compiled: bool | None = None, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.backend = settle_backend(self, backend)
        self.compiled = compiled

    @classmethod
    def for_dim(cls, dim: int, *, num_heads: int = 1, **kwargs: Any) -> GATv2Conv:
        """A layer from D to D channels whose self-loops are the topology's affair.

        Raises:
            ValueError: If `num_heads` does not divide `dim`.
        """
        check_heads(dim, num_heads)
        return cls(dim, dim // num_heads, heads=num_heads, add_self_loops=False, **kwargs)

    def start_as_expansion(self, *, temperature: float, norm: float) -> None:
        """Start near query expansion: the nearer a source by the sum of absolute differences, the more it is heard.

        With W_r = -W_l the score is a weighted sum of LeakyReLU(x_j - x_i), which is a multiple of the absolute
        difference beside one of the difference itself. The weight is such that for normally distributed channels the
        score falls as cosine / temperature does around a cosine of 0.5.

        Args:
            temperature: Of the softmax.
            norm: Length of the nodes' vectors.

        Raises:
            ValueError: If heads are averaged, or sources and targets share their map.
        """
        if not self.concat or self.share_weights:
            raise ValueError("GATv2Conv starts as expansion with concat=True and share_weights=False only")
        size = norm / math.sqrt(self.heads * self.out_channels)  # of a channel
        # E|a - b| = 2 size sqrt((1 - c) / pi), whose slope in c at 0.5 is -size sqrt(2 / pi).
        kink = (1 - self.negative_slope) / 2
        weight = 1 / (temperature * self.out_channels * kink * size * math.sqrt(2 / math.pi))
        with torch.no_grad():
            nn.init.eye_(self.lin_l.weight)
            self.lin_r.weight.copy_(-self.lin_l.weight)
            nn.init.constant_(self.att, -weight)
            for bias in (self.lin_l.bias, self.lin_r.bias, self.bias):
                if bias is not None:
                    nn.init.zeros_(bias)

    def forward(
        self,
        x: Nodes,
        edge_index: Adj | None = None,
        edge_attr: Tensor | None = None,
        return_attention_weights: bool | None = None,
        *,
        edge_weight: Tensor | None = None,
    ) -> Any:
        """Pass messages once. Called as PyG's own is, by position and by keyword.

        Args:
            x: (N, D), or (B, N, D) for B graphs of N nodes; beside an edge_index also a pair of sources and targets.
            edge_index: An edge_index (2, E), or a boolean adjacency (N, N) or (B, N, N) with entry [target, source], or
                None for the complete graph with self-loops; or an adjacency of `torch.sparse` or `torch_sparse` with
                entry [target, source], which PyG's own code computes.
            edge_attr: (E, edge_dim) beside an edge_index, as in PyG; (N, N, edge_dim) [target, source] beside a matrix
                or None; with a leading B where the graphs of a batch differ.
            return_attention_weights: Whether to return the attention too.
            edge_weight: Not taken: graph attention learns its weights from the nodes alone.

        Returns:
            (N, H * C), or (N, C) where heads are averaged; with a leading B for batched nodes. With
            `return_attention_weights` a pair of it and `(edge_index, attention)`: the softmax after dropout, as PyG
            returns it, (E, H) beside an edge_index (PyG's self-loops added, if any) and (H, N, N) [target, source]
            beside a matrix or None.

        Raises:
            ValueError: If shapes do not fit, or an edge weight is given.
        """
        return pass_messages(
            self,
            super().forward,
            x,
            edge_index,
            edge_attr,
            edge_weight,
            wanted=bool(return_attention_weights),
            return_attention_weights=return_attention_weights,
        )

    def __prepare_scriptable__(self) -> nn.Module:
        """What `torch.jit.script` compiles in the place of this layer: PyG's own class with the same parameters.

        It stands there in the model that was given as well, which from then on takes an edge_index alone.
        """
        return as_pygs(self, GATv2Conv, PyGGATv2Conv)

    def dense(
        self, x: Tensor, adjacency: Tensor | None, want_attention: bool, edge_attr: Tensor | None = None
    ) -> tuple[Tensor, Tensor | None]:
        """The dense path; see `gnn_dml.layers.pyg.DenseLayer`."""
        # PyG calls the sources left and the targets right.
        source = self.lin_l(x).unflatten(-1, (self.heads, self.out_channels)).transpose(-3, -2)  # (..., H, N, C)
        target = source
        if not self.share_weights:
            target = self.lin_r(x).unflatten(-1, (self.heads, self.out_channels)).transpose(-3, -2)
        mask = None if adjacency is None else adjacency.unsqueeze(-3)
        score = scores_by_compiling if self._compiles(x) else additive_scores
        drop = self.dropout if self.training else 0.0  # read here: backward, which attends again, may find another mode

        def attend(
            target: Tensor, mask: Tensor | None, attr: Tensor | None, source: Tensor, a: Tensor
        ) -> tuple[Tensor, ...]:
            if attr is None:
                scores = score(target, source, a, self.negative_slope)
            else:
                scores = scores_by_broadcasting(target, source, a, self.negative_slope, self._of_edges(attr))
            attention = dense_softmax(scores, mask)
            attention = dropout(attention, drop)
            received = attention @ source
            return (received, attention) if want_attention else (received,)

        per_target, budget = source.numel(), MAX_HIDDEN
        if edge_attr is None and (score is scores_by_compiling or by_distance(self.att[0])):
            per_target, budget = source[..., 0].numel(), MAX_SCORES
        rows = None if edge_attr is None else edge_attr.flatten(-2)  # a target's features, (..., N, N * F)
        size = x.size(-2) if is_symbolic() else block_size(x.size(-2), per_target, budget)
        received, *rest = over_targets(attend, size, (target, mask, rows), source, self.att[0], random=drop > 0)
        out: Tensor = received.transpose(-3, -2).flatten(-2) if self.concat else received.mean(dim=-3)
        if self.res is not None:
            out = out + self.res(x)
        out = out if self.bias is None else out + self.bias
        return out, rest[0] if want_attention else None

    def _of_edges(self, rows: Tensor) -> Tensor:
        """What features of edges add to targets and sources: (..., b, N * F) to (..., H, b, N, C)."""
        assert self.lin_edge is not None
        features = self.lin_edge.in_channels
        hidden: Tensor = self.lin_edge(rows.view(*rows.shape[:-1], rows.size(-1) // features, features))
        return hidden.view(*hidden.shape[:-1], self.heads, self.out_channels).movedim(-2, -4)

    def _compiles(self, x: Tensor) -> bool:
        """Whether the scores of these nodes come from compiled loops."""
        hidden = x[..., 0].numel() * x.size(-2) * self.heads * self.out_channels
        asked = hidden >= COMPILED_FROM if self.compiled is None else self.compiled
        return asked and hidden > 0 and x.device.type == "cpu" and not is_symbolic() and can_compile()
