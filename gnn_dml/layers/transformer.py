"""PyG's TransformerConv with a dense path through torch's fused attention.

Legend: N nodes, H heads, C channels per head, E edges, B graphs of equal size.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import dropout
from torch_geometric.nn import TransformerConv as PyGTransformerConv
from torch_geometric.typing import Adj

from gnn_dml.layers.attend import attention_weights, fused_attention
from gnn_dml.layers.path import Backend, Crossover
from gnn_dml.layers.pyg import Nodes, as_pygs, check_heads, pass_messages, settle_backend
from gnn_dml.layers.start import start_as_product
from gnn_dml.layers.steps import OwnSteps


class TransformerConv(OwnSteps, PyGTransformerConv):
    r"""The graph transformer operator (Shi et al. 2021).

    .. math:: x'_i = W_{skip} x_i + \sum_j \mathrm{softmax}_j(W_q x_i \cdot W_k x_j / \sqrt{C}) \, W_v x_j

    PyG's own class: constructor, parameters and state dict are PyG's, and the sparse path is PyG's code. The dense path
    runs torch's fused attention. Unlike the paper's `DotProductAttention` it has a skip weight (`root_weight`) and no
    output projection.

    Args:
        *args: As in `torch_geometric.nn.TransformerConv`.
        backend: "dense" or "sparse" forces a path; "auto" takes the faster one (`gnn_dml.layers.path`). The sparse one
            is taken wherever a step of message passing was changed (`gnn_dml.layers.steps`). Second derivatives need
            "sparse": the fused kernel of the dense path has none on a CPU.
        **kwargs: As in `torch_geometric.nn.TransformerConv`. Aggregations other than the sum and bipartite graphs have
            no dense path; with edge features (`edge_dim`) it is not fused.

    Raises:
        ValueError: If the backend is unknown, or "dense" is forced on what has no dense path.

    Attributes:
        takes_weights: False: it takes no edge weights.

    >>> import torch
    >>> from gnn_dml.graphs import KNN
    >>> from gnn_dml.layers import TransformerConv
    >>> x = torch.randn(5, 8)
    >>> TransformerConv.for_dim(8, num_heads=2)(x, KNN(2).adjacency(x)).shape
    torch.Size([5, 8])
    """

    # See GATConv: PyG looks for this type by the bare class name.
    propagate_type = {"query": "Tensor", "key": "Tensor", "value": "Tensor", "edge_attr": "OptTensor"}
    takes_weights = False
    crossover = Crossover((54, 60), (90, 174), (256, 2211), (512, 8804), (1024, 15543), (2048, 26513))

    def __init__(self, *args: Any, backend: Backend = "auto", **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.backend = settle_backend(self, backend)

    @classmethod
    def for_dim(cls, dim: int, *, num_heads: int = 1, **kwargs: Any) -> TransformerConv:
        """A layer from D to D channels.

        Raises:
            ValueError: If `num_heads` does not divide `dim`.
        """
        check_heads(dim, num_heads)
        return cls(dim, dim // num_heads, heads=num_heads, **kwargs)

    def start_as_expansion(self, *, temperature: float, norm: float) -> None:
        """Start as query expansion: as in `DotProductAttention.start_as_expansion`, and the skip weight at 0.

        Args:
            temperature: Of the softmax.
            norm: Length of the nodes' vectors.

        Raises:
            ValueError: If heads are averaged, or a gate between the parts was asked for.
        """
        if not self.concat or self.lin_beta is not None:
            raise ValueError("TransformerConv starts as expansion with concat=True and beta=False only")
        start_as_product(self.lin_query, self.lin_key, heads=self.heads, temperature=temperature, norm=norm)
        nn.init.eye_(self.lin_value.weight)
        nn.init.zeros_(self.lin_value.bias)
        if self.root_weight:
            nn.init.zeros_(self.lin_skip.weight)
            nn.init.zeros_(self.lin_skip.bias)

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
            return_attention_weights: Whether to return the attention too; as in PyG, None is the way not to ask for it.
            edge_weight: Not taken: PyG's class has edge features instead.

        Returns:
            (N, H * C), or (N, C) where heads are averaged; with a leading B for batched nodes. With
            `return_attention_weights` a pair of it and `(edge_index, attention)`: the softmax before dropout, as PyG
            returns it, (E, H) beside an edge_index and (H, N, N) [target, source] beside a matrix or None.

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
            wanted=isinstance(return_attention_weights, bool),
            return_attention_weights=return_attention_weights,
        )

    def __prepare_scriptable__(self) -> nn.Module:
        """What `torch.jit.script` compiles in the place of this layer: PyG's own class with the same parameters.

        It stands there in the model that was given as well, which from then on takes an edge_index alone.
        """
        return as_pygs(self, TransformerConv, PyGTransformerConv)

    def dense(
        self, x: Tensor, adjacency: Tensor | None, want_attention: bool, edge_attr: Tensor | None = None
    ) -> tuple[Tensor, Tensor | None]:
        """The dense path; see `gnn_dml.layers.pyg.DenseLayer`."""
        query, key, value = (
            linear(x).unflatten(-1, (self.heads, self.out_channels)).transpose(-3, -2)
            for linear in (self.lin_query, self.lin_key, self.lin_value)
        )
        mask = None if adjacency is None else adjacency.unsqueeze(-3)
        drop = self.dropout if self.training else 0.0
        attention = None
        if edge_attr is not None:
            weight = self.lin_edge.weight.unflatten(0, (self.heads, self.out_channels))  # (H, C, F)
            asked = (query @ weight).movedim(-3, -1)  # of each feature, (..., N, F, H)
            added = (edge_attr @ asked).movedim(-1, -3) * self.out_channels**-0.5
            attention = attention_weights(query, key, mask, added=added)
            applied = dropout(attention, drop)
            heard = applied.transpose(-3, -2) @ edge_attr  # sums of features, (..., N, H, F)
            received = applied @ value + heard.transpose(-3, -2) @ weight.mT
        elif want_attention:
            attention = attention_weights(query, key, mask)
            received = dropout(attention, drop) @ value
        else:
            received = fused_attention(query, key, value, mask, drop=drop)
        out: Tensor = received.transpose(-3, -2).flatten(-2) if self.concat else received.mean(dim=-3)
        return self._with_root(out, x), attention if want_attention else None

    def _with_root(self, out: Tensor, x: Tensor) -> Tensor:
        """Add the node's own part, gated where the layer was built with `beta`."""
        if not self.root_weight:
            return out
        own: Tensor = self.lin_skip(x)
        if self.lin_beta is None:
            return out + own
        gate: Tensor = self.lin_beta(torch.cat([out, own, out - own], dim=-1)).sigmoid()
        return gate * own + (1 - gate) * out
