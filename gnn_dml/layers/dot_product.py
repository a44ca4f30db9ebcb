"""The paper's message passing: multi-head scaled dot-product attention over the edges of a graph.

Legend: N nodes, D channels, H heads, d = D / H, E edges, F features of an edge, B graphs of equal size.
"""

from __future__ import annotations

from typing import Any, get_args

import torch
from torch import Tensor, nn
from torch.nn.functional import dropout
from torch_geometric.typing import Adj
from torch_geometric.utils import is_sparse

from gnn_dml.layers.attend import Aggregation, dense_attention
from gnn_dml.layers.edge_attributes import check_attributes, logits_along, logits_matrix
from gnn_dml.layers.edges import (
    as_index,
    attention_as_given,
    attention_of_edges,
    check_edges,
    is_dense,
    to_sparse,
    to_weights,
)
from gnn_dml.layers.path import Backend, Crossover, Path, check_backend, choose_path
from gnn_dml.layers.softmax import sparse_softmax
from gnn_dml.layers.sparse_adjacency import call_on_sparse
from gnn_dml.layers.start import start_as_product
from gnn_dml.layers.steps import OwnSteps, check_steps
from gnn_dml.layers.weights import call_layer

AttentionWeights = tuple[Tensor | None, Tensor]
"""The edges as they were given, and the attention along them: (E, H), or (H, N, N) [target, source] beside a matrix."""


class DotProductAttention(OwnSteps):
    r"""Multi-head dot-product attention of "Learning Intra-Batch Connections for Deep Metric Learning" (section 3.3).

    For the edges j -> i into target i, per head:

    .. math:: \alpha_{ij} = \mathrm{softmax}_j(q_i \cdot k_j / \sqrt{d}), \quad x'_i = W_o \sum_j \alpha_{ij} v_j + b_o

    with q, k, v = Linear(D, D). A node without incoming edges receives nothing: its output is b_o. Where edges have
    features e_ij, a linear map of them is added to the products before the softmax; it starts at 0.

    The dense path runs torch's fused attention on a matrix of edges, the sparse path is PyG message passing along an
    edge_index. Both use the same parameters and give the same numbers, in whatever form the edges come.

    Args:
        dim: D, channels in and out.
        num_heads: H; must divide D.
        quiet: Softmax with a null message, as in the published code (see `gnn_dml.layers.softmax`); the paper's formula
            is the plain one.
        dropout: Probability of dropping an attention weight in training; 0.1 in the published code.
        aggregation: How weighted messages meet: "sum"; "mean", which divides by the number of incoming edges; "max",
            which takes the largest per channel.
        edge_dim: F, features of an edge, as in PyG; None for layers without. The dense path holds them for every pair,
            and (..., H, N, N) logits.
        backend: "dense" or "sparse" forces a path; "auto" takes the faster one (`gnn_dml.layers.path`). The sparse one
            is taken wherever a step of message passing was changed (`gnn_dml.layers.steps`). Second derivatives need
            "sparse": the fused kernel of the dense path has none on a CPU.

    Raises:
        ValueError: If H does not divide D, or a name or probability is out of range.

    Attributes:
        takes_weights: True: it takes edge weights.

    >>> import torch
    >>> from gnn_dml.layers import DotProductAttention
    >>> layer = DotProductAttention(8, num_heads=2)
    >>> layer(torch.randn(5, 8)).shape  # the complete graph
    torch.Size([5, 8])
    >>> ring = torch.tensor([[0, 1, 2, 3, 4], [1, 2, 3, 4, 0]])
    >>> out, (edges, attention) = layer(torch.randn(5, 8), ring, return_attention_weights=True)
    >>> attention.shape, attention.unique().tolist()  # one edge into each node gets all its attention
    (torch.Size([5, 2]), [1.0])
    """

    takes_weights = True
    crossover = Crossover((54, 65), (90, 285), (256, 1654), (512, 5156), (1024, 15655), (2048, 34542))

    def __init__(
        self,
        dim: int,
        num_heads: int,
        *,
        quiet: bool = False,
        dropout: float = 0.0,
        aggregation: Aggregation = "sum",
        edge_dim: int | None = None,
        backend: Backend = "auto",
    ) -> None:
        if num_heads < 1 or dim % num_heads:
            raise ValueError(f"num_heads must divide dim={dim}, and {num_heads} does not")
        if aggregation not in get_args(Aggregation):
            raise ValueError(f"aggregation must be one of {', '.join(get_args(Aggregation))}, not {aggregation!r}")
        if not 0 <= dropout < 1:
            raise ValueError(f"dropout must be at least 0 and below 1, not {dropout}")
        if edge_dim is not None and edge_dim < 1:
            raise ValueError(f"edge_dim must be at least 1 or null, not {edge_dim}")
        check_backend(backend)
        super().__init__(aggr=aggregation, node_dim=0)
        self.dim = dim
        self.num_heads = num_heads
        self.quiet = quiet
        self.dropout = dropout
        self.aggregation = aggregation
        self.edge_dim = edge_dim
        self.backend = backend
        check_steps(self, backend)
        self.q = nn.Linear(dim, dim)
        self.k = nn.Linear(dim, dim)
        self.v = nn.Linear(dim, dim)
        self.out = nn.Linear(dim, dim)
        self.edge_map = None if edge_dim is None else nn.Parameter(torch.empty(num_heads, edge_dim))
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Xavier-uniform weights and zero biases, as published; features of edges begin without effect."""
        super().reset_parameters()
        for linear in (self.q, self.k, self.v, self.out):
            nn.init.xavier_uniform_(linear.weight)
            nn.init.zeros_(linear.bias)
        if self.edge_map is not None:
            nn.init.zeros_(self.edge_map)

    def start_as_expansion(self, *, temperature: float, norm: float) -> None:
        """Start as query expansion: queries, keys and values are the nodes, attention is softmax(cosine / temperature).

        Each head compares its own d channels, so the cosine is that of a head.

        Args:
            temperature: Of the softmax.
            norm: Length of the nodes' vectors, which a head has 1 / sqrt(H) of.
        """
        start_as_product(self.q, self.k, heads=self.num_heads, temperature=temperature, norm=norm)
        for linear in (self.v, self.out):
            nn.init.eye_(linear.weight)
            nn.init.zeros_(linear.bias)

    def forward(
        self,
        x: Tensor,
        edge_index: Adj | None = None,
        edge_attr: Tensor | None = None,
        return_attention_weights: bool | None = None,
        *,
        edge_weight: Tensor | None = None,
    ) -> Any:
        """Pass messages once.

        Args:
            x: (N, D), or (B, N, D) for B graphs of N nodes.
            edge_index: An edge_index (2, E), or a boolean adjacency (N, N) or (B, N, N) with entry [target, source], or
                None for the complete graph with self-loops; or an adjacency of `torch.sparse` or `torch_sparse` with
                entry [target, source], whose values are the edge weights where none are given.
            edge_attr: Features of the edges, for layers built with `edge_dim`: (E, F), or (N, N, F) [target, source]
                beside a matrix or None; with a leading B where the graphs of a batch differ.
            return_attention_weights: Whether to return the attention too.
            edge_weight: Multiplies the attention weights: (E,), or a matrix in the shape of the adjacency.

        Returns:
            A tensor in the shape of `x`. With `return_attention_weights` a pair of it and `(edge_index, attention)`:
            the softmax before dropout and edge weights, (E, H) beside an edge_index and (H, N, N) [target, source]
            beside a matrix or None, with a leading B for batched nodes. A sparse adjacency comes back with the
            attention as its values.

        Raises:
            ValueError: If shapes or types do not fit, or there are edge features and no `edge_dim`.
        """
        if is_sparse(edge_index):
            return call_on_sparse(self, x, edge_index, edge_attr, edge_weight, bool(return_attention_weights))
        check_edges(x, edge_index, edge_weight)
        check_attributes(x, edge_index, edge_attr, self.edge_dim)
        edges: Tensor | None = edge_index
        edges = edges if edges is None or is_dense(edges) else as_index(edges)
        path = self._path(x, edges)
        if path.dense:
            weight = self._weights(x, edges, edge_weight)
            added = logits_matrix(x, edges, edge_attr, self.edge_map)
            received, attention = self._dense(x, path.adjacency, weight, added, bool(return_attention_weights))
            if attention is not None and not is_dense(edges):
                assert edges is not None
                attention = attention_of_edges(attention, edges)
        else:
            index, weight = to_sparse(x, edges, edge_weight)
            added = logits_along(x, edges, edge_attr, index, self.edge_map)
            received, attention = self._sparse(x, index, weight, added)
            attention = attention_as_given(x, attention, index, edges) if return_attention_weights else None
        out: Tensor = self.out(received)
        return out if attention is None else (out, (edges, attention))

    def to_first(
        self,
        x: Tensor,
        edge_index: Tensor | None = None,
        edge_attr: Tensor | None = None,
        *,
        edge_weight: Tensor | None = None,
    ) -> Tensor:
        """What the first node receives, (..., 1, D): the same as in `forward`, without the work for all others.

        Args:
            x: As in `forward`, and so are the other arguments.
            edge_index: See there.
            edge_attr: See there.
            edge_weight: See there.

        Raises:
            ValueError: If shapes or types do not fit.
        """
        check_edges(x, edge_index, edge_weight)
        check_attributes(x, edge_index, edge_attr, self.edge_dim)
        path = self._path(x, edge_index)
        changed = type(self).forward is not DotProductAttention.forward or self._forward_hooks
        if changed or self._forward_pre_hooks or not path.dense:
            received: Tensor = call_layer(self, x, edge_index, edge_weight, edge_attr)
            return received[..., :1, :]
        weight = self._weights(x, edge_index, edge_weight)
        added = logits_matrix(x, edge_index, edge_attr, self.edge_map)
        adjacency, weight, added = (None if m is None else m[..., :1, :] for m in (path.adjacency, weight, added))
        out: Tensor = self.out(self._dense(x, adjacency, weight, added, False, targets=1)[0])
        return out

    def _path(self, x: Tensor, edges: Tensor | None) -> Path:
        return choose_path(self.backend, x, edges, self.crossover) if self.has_own_steps() else Path(False)

    def _weights(self, x: Tensor, edges: Tensor | None, edge_weight: Tensor | None) -> Tensor | None:
        """Edge weights as the dense path takes them, (..., N, N)."""
        if edge_weight is None or is_dense(edges):
            return edge_weight
        assert edges is not None
        return to_weights(x.size(-2), edges, edge_weight)

    def _dense(
        self,
        x: Tensor,
        adjacency: Tensor | None,
        weight: Tensor | None,
        added: Tensor | None,
        want_attention: bool,
        targets: int | None = None,
    ) -> tuple[Tensor, Tensor | None]:
        """The messages received (..., N, D), and the attention (..., H, N, N) if it is wanted.

        With `targets` that many nodes receive, the first ones, and the matrices have as many rows.
        """
        q, k, v = (
            linear(nodes).unflatten(-1, (self.num_heads, -1)).transpose(-3, -2)
            for linear, nodes in ((self.q, x[..., :targets, :]), (self.k, x), (self.v, x))
        )
        return dense_attention(
            *(q, k, v, adjacency, weight, added),
            aggregation=self.aggregation,
            quiet=self.quiet,
            drop=self.dropout if self.training else 0.0,
            want_attention=want_attention,
        )

    def _sparse(
        self, x: Tensor, edge_index: Tensor, weight: Tensor | None, added: Tensor | None
    ) -> tuple[Tensor, Tensor]:
        """The messages received (..., N, D), and the attention (E', H)."""
        flat = x.reshape(-1, self.dim)
        size = (flat.size(0), flat.size(0))
        q, k, v = (linear(flat).unflatten(-1, (self.num_heads, -1)) for linear in (self.q, self.k, self.v))
        attention: Tensor = self.edge_updater(edge_index, q=q, k=k, added=added, size=size)
        received: Tensor = self.propagate(edge_index, v=v, attention=attention, weight=weight, size=size)
        return received.reshape(x.shape), attention

    def edge_update(self, q_i: Tensor, k_j: Tensor, added: Tensor | None, index: Tensor, size_i: int | None) -> Tensor:
        """The attention (E, H) along the edges."""
        assert size_i is not None
        scores = (q_i * k_j).sum(dim=-1) * q_i.size(-1) ** -0.5
        scores = scores if added is None else scores + added
        return sparse_softmax(scores, index, size_i, quiet=self.quiet)

    def message(self, v_j: Tensor, attention: Tensor, weight: Tensor | None) -> Tensor:
        """The weighted values (E, H, d) that travel along the edges."""
        applied = dropout(attention, self.dropout, self.training)
        if weight is not None:
            applied = applied * weight.unsqueeze(-1)
        return v_j * applied.unsqueeze(-1)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.dim}, num_heads={self.num_heads}, quiet={self.quiet})"
