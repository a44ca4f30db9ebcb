"""PyG's GATConv with a dense path: same parameters, same numbers, no gathered edges.

Legend: N nodes, H heads, C channels per head, E edges, B graphs of equal size.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import dropout, leaky_relu
from torch_geometric.nn import GATConv as PyGGATConv
from torch_geometric.typing import Adj

from gnn_dml.layers.edge_attributes import logits_matrix
from gnn_dml.layers.edges import every_pair
from gnn_dml.layers.path import Backend, Crossover
from gnn_dml.layers.pyg import Nodes, as_pygs, check_heads, pass_messages, settle_backend
from gnn_dml.layers.softmax import dense_softmax
from gnn_dml.layers.sorted_attention import attend_sorted
from gnn_dml.layers.steps import OwnSteps

SORTED_ELSEWHERE = 4096
"""Nodes from which on a complete graph is sorted on other devices, where no size was measured: the scores of 8 heads
take half a GiB there."""


class GATConv(OwnSteps, PyGGATConv):
    r"""Graph attention (Velickovic et al. 2018).

    .. math:: s_{ij} = \mathrm{LeakyReLU}(a_s \cdot W x_j + a_t \cdot W x_i)

    PyG's own class: constructor, parameters and state dict are PyG's, and the sparse path is PyG's code. The dense path
    builds the additive score by broadcasting, (N, N, H), and never gathers the (E, H, C) messages. A complete graph of
    `sorted_from` nodes and more is computed by sorting (`gnn_dml.layers.sorted_attention`), in O(N) memory, unless the
    attention itself is asked for or dropped from; the numbers differ from the dense path's by rounding.

    Note that PyG's default `add_self_loops=True` gives every node a self-loop whatever the graph says; `for_dim`, which
    the configuration uses, leaves self-loops to the topology.

    Args:
        *args: As in `torch_geometric.nn.GATConv`.
        backend: "dense" or "sparse" forces a path; "auto" takes the faster one (`gnn_dml.layers.path`). The sparse one
            is taken wherever a step of message passing was changed (`gnn_dml.layers.steps`).
        **kwargs: As in `torch_geometric.nn.GATConv`. Aggregations other than the sum, bipartite graphs, and edge
            features (`edge_dim`) beside `add_self_loops` have no dense path.

    Raises:
        ValueError: If the backend is unknown, or "dense" is forced on what has no dense path.

    Attributes:
        takes_weights: False: it takes no edge weights.
        sorted_from: Nodes from which on a complete graph, with or without self-loops, is computed by sorting on a CPU.

    >>> import torch
    >>> from gnn_dml.graphs import KNN
    >>> from gnn_dml.layers import GATConv
    >>> x = torch.randn(5, 8)
    >>> GATConv.for_dim(8, num_heads=2)(x, KNN(2).adjacency(x)).shape
    torch.Size([5, 8])
    """

    # PyG reads these types from comments in a class's source, which it looks up by the bare class name: a subclass of
    # the same name hides its parent's, so they are said here, by the names that PyG's comments use.
    edge_updater_type = {"alpha": "OptPairTensor", "edge_attr": "OptTensor"}
    propagate_type = {"x": "OptPairTensor", "alpha": "Tensor"}
    takes_weights = False
    sorted_from = 256
    crossover = Crossover((54, 301), (90, 563), (256, 3061), (512, 9326), (1024, 28572), (2048, 99648))

    def __init__(self, *args: Any, backend: Backend = "auto", **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.backend = settle_backend(self, backend)

    @classmethod
    def for_dim(cls, dim: int, *, num_heads: int = 1, **kwargs: Any) -> GATConv:
        """A layer from D to D channels whose self-loops are the topology's affair.

        Raises:
            ValueError: If `num_heads` does not divide `dim`.
        """
        check_heads(dim, num_heads)
        return cls(dim, dim // num_heads, heads=num_heads, add_self_loops=False, **kwargs)

    def start_as_expansion(self, *, temperature: float, norm: float) -> None:
        """Start as average query expansion: the plain mean of what a node hears.

        Its score is a sum of what either node says alone, which no setting makes a similarity: which sources are heard
        more is the same for every target. The graph has to choose the neighbours.

        Args:
            temperature: Not used, since the mean has no weights.
            norm: Likewise.

        Raises:
            ValueError: If heads are averaged.
        """
        if not self.concat:
            raise ValueError("GATConv starts as expansion with concat=True only")
        with torch.no_grad():
            nn.init.eye_(self.lin.weight)
            for parameter in (self.att_src, self.att_dst, self.bias):
                if parameter is not None:
                    nn.init.zeros_(parameter)

    def forward(
        self,
        x: Nodes,
        edge_index: Adj | None = None,
        edge_attr: Tensor | None = None,
        size: tuple[int, int] | None = None,
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
            size: (sources, targets) beside an edge_index, as in PyG.
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
            size=size,
            return_attention_weights=return_attention_weights,
        )

    def __prepare_scriptable__(self) -> nn.Module:
        """What `torch.jit.script` compiles in the place of this layer: PyG's own class with the same parameters.

        It stands there in the model that was given as well, which from then on takes an edge_index alone.
        """
        return as_pygs(self, GATConv, PyGGATConv)

    def dense(
        self, x: Tensor, adjacency: Tensor | None, want_attention: bool, edge_attr: Tensor | None = None
    ) -> tuple[Tensor, Tensor | None]:
        """The dense path; see `gnn_dml.layers.pyg.DenseLayer`."""
        values = self.lin(x).unflatten(-1, (self.heads, self.out_channels)).transpose(-3, -2)  # (..., H, N, C)
        # What a node adds to a score as a target and as a source: one product for both.
        parts = values @ torch.stack((self.att_dst[0], self.att_src[0]), dim=-1)  # (..., H, N, 2)
        target, source = parts.unbind(-1)
        attention = None
        if edge_attr is None and not want_attention and self._sorts(x) and (every := every_pair(adjacency)) is not None:
            received = attend_sorted(target, source, values, self.negative_slope, loop=every)
        else:
            scores = target.unsqueeze(-1) + source.unsqueeze(-2)  # (..., H, N, N)
            added = logits_matrix(x, None, edge_attr, self._edge_map())
            scores = leaky_relu(scores if added is None else scores + added, self.negative_slope)
            attention = dense_softmax(scores, None if adjacency is None else adjacency.unsqueeze(-3))
            attention = dropout(attention, self.dropout, self.training)
            received = attention @ values
        out: Tensor = received.transpose(-3, -2).flatten(-2) if self.concat else received.mean(dim=-3)
        if self.res is not None:
            out = out + self.res(x)
        out = out if self.bias is None else out + self.bias
        return out, attention if want_attention else None

    def _edge_map(self) -> Tensor | None:
        """What a feature of an edge adds to the score of each head, (H, F); None without features."""
        if self.lin_edge is None:
            return None
        weight: Tensor = self.lin_edge.weight.unflatten(0, (self.heads, self.out_channels))
        added: Tensor = (self.att_edge.unsqueeze(-1) * weight).sum(dim=(0, 2))
        return added

    def _sorts(self, x: Tensor) -> bool:
        """Whether a complete graph of these nodes is computed by sorting."""
        dropped = self.training and self.dropout > 0
        return (
            self.backend == "auto"
            and 0 <= self.negative_slope <= 1
            and not dropped
            and x.size(-2) >= (self.sorted_from if x.device.type == "cpu" else SORTED_ELSEWHERE)
        )
