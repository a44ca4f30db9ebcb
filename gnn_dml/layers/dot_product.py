"""The paper's message passing: multi-head scaled dot-product attention over the edges of a graph.

Legend: N nodes, D channels, H heads, d = D / H, E edges, B graphs of equal size.
"""

from __future__ import annotations

from typing import Literal, get_args

import torch
from torch import Tensor, nn
from torch.nn.functional import dropout, pad, scaled_dot_product_attention
from torch_geometric.nn import MessagePassing

from gnn_dml.layers.edges import Backend, check_backend, check_edges, is_dense, to_dense, to_sparse
from gnn_dml.layers.softmax import dense_softmax, sparse_softmax

Aggregation = Literal["sum", "mean", "max"]


class DotProductAttention(MessagePassing):
    r"""Multi-head dot-product attention of "Learning Intra-Batch Connections for Deep Metric Learning" (section 3.3).

    For the edges j -> i into target i, per head:

    .. math:: \alpha_{ij} = \mathrm{softmax}_j(q_i \cdot k_j / \sqrt{d}), \quad x'_i = W_o \sum_j \alpha_{ij} v_j + b_o

    with q, k, v = Linear(D, D). A node without incoming edges receives nothing: its output is b_o.

    The dense path (a boolean adjacency, or None for the complete graph) runs torch's fused attention; the sparse path
    (an edge_index) is PyG message passing. Both use the same parameters and give the same numbers.

    Args:
        dim: D, channels in and out.
        num_heads: H; must divide D.
        quiet: Softmax with a null message, as in the published code (see `gnn_dml.layers.softmax`); the paper's formula
            is the plain one.
        dropout: Probability of dropping an attention weight in training; 0.1 in the published code.
        aggregation: How weighted messages meet: "sum"; "mean", which divides by the number of incoming edges; "max",
            which takes the largest per channel and always runs sparse.
        backend: "dense" or "sparse" forces a path; "auto" takes the one that the form of the edges suggests.

    Raises:
        ValueError: If H does not divide D, or a name or probability is out of range.
    """

    def __init__(
        self,
        dim: int,
        num_heads: int,
        *,
        quiet: bool = False,
        dropout: float = 0.0,
        aggregation: Aggregation = "sum",
        backend: Backend = "auto",
    ) -> None:
        if num_heads < 1 or dim % num_heads:
            raise ValueError(f"num_heads must divide dim={dim}, and {num_heads} does not")
        if aggregation not in get_args(Aggregation):
            raise ValueError(f"aggregation must be one of {', '.join(get_args(Aggregation))}, not {aggregation!r}")
        if not 0 <= dropout < 1:
            raise ValueError(f"dropout must be at least 0 and below 1, not {dropout}")
        check_backend(backend)
        super().__init__(aggr=aggregation, node_dim=0)
        self.dim = dim
        self.num_heads = num_heads
        self.quiet = quiet
        self.dropout = dropout
        self.aggregation = aggregation
        self.backend = backend
        self.q = nn.Linear(dim, dim)
        self.k = nn.Linear(dim, dim)
        self.v = nn.Linear(dim, dim)
        self.out = nn.Linear(dim, dim)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Xavier-uniform weights and zero biases, as published."""
        super().reset_parameters()
        for linear in (self.q, self.k, self.v, self.out):
            nn.init.xavier_uniform_(linear.weight)
            nn.init.zeros_(linear.bias)

    def forward(self, x: Tensor, edges: Tensor | None = None, edge_weight: Tensor | None = None) -> Tensor:
        """Pass messages once.

        Args:
            x: (N, D), or (B, N, D) for B graphs of N nodes.
            edges: An edge_index (2, E), a boolean adjacency (N, N) or (B, N, N) with entry [target, source], or None
                for the complete graph with self-loops.
            edge_weight: Multiplies the attention weights: (E,), or a matrix in the shape of the adjacency.

        Returns:
            A tensor in the shape of `x`.

        Raises:
            ValueError: If shapes or types do not fit.
        """
        check_edges(x, edges, edge_weight)
        dense = is_dense(edges) if self.backend == "auto" else self.backend == "dense"
        if dense and self.aggregation != "max":
            received = self._dense(x, *to_dense(x, edges, edge_weight))
        else:
            received = self._sparse(x, *to_sparse(x, edges, edge_weight))
        out: Tensor = self.out(received)
        return out

    def _dense(self, x: Tensor, adjacency: Tensor | None, weight: Tensor | None) -> Tensor:
        q, k, v = (
            linear(x).unflatten(-1, (self.num_heads, -1)).transpose(-3, -2) for linear in (self.q, self.k, self.v)
        )
        # A dimension for the heads: (..., N, N) -> (..., 1, N, N).
        mask = None if adjacency is None else adjacency.unsqueeze(-3)
        drop = self.dropout if self.training else 0.0
        if weight is None:
            received = _fused(q, k, v, mask, quiet=self.quiet, drop=drop)
        else:
            scores = q @ k.mT * q.size(-1) ** -0.5
            attention = dropout(dense_softmax(scores, mask, quiet=self.quiet), drop)
            received = (attention * weight.unsqueeze(-3)) @ v
        received = received.transpose(-3, -2).flatten(-2)
        if self.aggregation == "mean":
            count = x.size(-2) if adjacency is None else adjacency.sum(-1, keepdim=True).clamp(min=1)
            received = received / count
        return received

    def _sparse(self, x: Tensor, edge_index: Tensor, weight: Tensor | None) -> Tensor:
        flat = x.reshape(-1, self.dim)
        q, k, v = (linear(flat).unflatten(-1, (self.num_heads, -1)) for linear in (self.q, self.k, self.v))
        received: Tensor = self.propagate(edge_index, q=q, k=k, v=v, weight=weight, size=(flat.size(0), flat.size(0)))
        return received.reshape(x.shape)

    def message(
        self, q_i: Tensor, k_j: Tensor, v_j: Tensor, weight: Tensor | None, index: Tensor, size_i: int | None
    ) -> Tensor:
        """The weighted values (E, H, d) that travel along the edges."""
        scores = (q_i * k_j).sum(dim=-1) * q_i.size(-1) ** -0.5
        assert size_i is not None
        attention = dropout(sparse_softmax(scores, index, size_i, quiet=self.quiet), self.dropout, self.training)
        if weight is not None:
            attention = attention * weight.unsqueeze(-1)
        return v_j * attention.unsqueeze(-1)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.dim}, num_heads={self.num_heads}, quiet={self.quiet})"


def _fused(q: Tensor, k: Tensor, v: Tensor, mask: Tensor | None, *, quiet: bool, drop: float) -> Tensor:
    """Softmax attention (..., H, N, d) by torch's fused kernel; rows without edges give 0."""
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
