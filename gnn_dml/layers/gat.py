"""PyG's GATConv with a dense path: same parameters, same numbers, no gathered edges.

Legend: N nodes, H heads, C channels per head, B graphs of equal size.
"""

from __future__ import annotations

from typing import Any

from torch import Tensor
from torch.nn.functional import dropout, leaky_relu
from torch_geometric.nn import GATConv as PyGGATConv
from torch_geometric.typing import OptPairTensor, OptTensor

from gnn_dml.layers.edges import Backend, check_backend, check_edges, is_dense, to_dense, to_sparse
from gnn_dml.layers.softmax import dense_softmax


class GATConv(PyGGATConv):
    r"""Graph attention (Velickovic et al. 2018).

    .. math:: s_{ij} = \mathrm{LeakyReLU}(a_s \cdot W x_j + a_t \cdot W x_i)

    PyG's own class: constructor, parameters and state dict are PyG's, and the sparse path is PyG's code. The dense path
    builds the additive score by broadcasting, (N, N, H), and never gathers the (E, H, C) messages.

    Note that PyG's default `add_self_loops=True` gives every node a self-loop whatever the graph says; `for_dim`, which
    the configuration uses, leaves self-loops to the topology.

    Args:
        *args: As in `torch_geometric.nn.GATConv`.
        backend: "dense" or "sparse" forces a path; "auto" takes the one that the form of the edges suggests.
        **kwargs: As in `torch_geometric.nn.GATConv`.

    Raises:
        ValueError: If the backend is unknown.
    """

    # PyG reads these types from comments in a class's source, which it looks up by the bare class name: a subclass of
    # the same name hides its parent's, so they are said here.
    edge_updater_type = {"alpha": OptPairTensor, "edge_attr": OptTensor}
    propagate_type = {"x": OptPairTensor, "alpha": Tensor}

    def __init__(self, *args: Any, backend: Backend = "auto", **kwargs: Any) -> None:
        check_backend(backend)
        super().__init__(*args, **kwargs)
        self.backend = backend

    @classmethod
    def for_dim(cls, dim: int, *, num_heads: int = 1, **kwargs: Any) -> GATConv:
        """A layer from D to D channels whose self-loops are the topology's affair.

        Raises:
            ValueError: If `num_heads` does not divide `dim`.
        """
        if num_heads < 1 or dim % num_heads:
            raise ValueError(f"num_heads must divide dim={dim}, and {num_heads} does not")
        return cls(dim, dim // num_heads, heads=num_heads, add_self_loops=False, **kwargs)

    def forward(self, x: Tensor, edges: Tensor | None = None, edge_weight: Tensor | None = None) -> Tensor:
        """Pass messages once.

        Args:
            x: (N, D), or (B, N, D) for B graphs of N nodes.
            edges: An edge_index (2, E), a boolean adjacency (N, N) or (B, N, N) with entry [target, source], or None
                for the complete graph with self-loops.
            edge_weight: Not taken: graph attention learns its weights from the nodes alone.

        Returns:
            (N, H * C), or (N, C) where heads are averaged; with a leading B for batched nodes.

        Raises:
            ValueError: If shapes do not fit, or an edge weight is given.
        """
        if edge_weight is not None:
            raise ValueError("GATConv takes no edge_weight; DotProductAttention does")
        check_edges(x, edges, None)
        dense = is_dense(edges) if self.backend == "auto" else self.backend == "dense"
        if dense and self.lin is not None:
            return self._dense(x, to_dense(x, edges, None)[0])
        out: Tensor = super().forward(x.reshape(-1, x.size(-1)), to_sparse(x, edges, None)[0])
        return out.reshape(*x.shape[:-1], -1)

    def _dense(self, x: Tensor, adjacency: Tensor | None) -> Tensor:
        if adjacency is not None and self.add_self_loops:
            adjacency = adjacency.clone()
            adjacency.diagonal(dim1=-2, dim2=-1).fill_(True)
        values = self.lin(x).unflatten(-1, (self.heads, self.out_channels))  # (..., N, H, C)
        source = (values * self.att_src).sum(-1).mT.unsqueeze(-2)  # (..., H, 1, N)
        target = (values * self.att_dst).sum(-1).mT.unsqueeze(-1)  # (..., H, N, 1)
        scores = leaky_relu(source + target, self.negative_slope)
        attention = dense_softmax(scores, None if adjacency is None else adjacency.unsqueeze(-3))
        attention = dropout(attention, self.dropout, self.training)
        received = attention @ values.transpose(-3, -2)  # (..., H, N, C)
        out: Tensor = received.transpose(-3, -2).flatten(-2) if self.concat else received.mean(dim=-3)
        if self.res is not None:
            out = out + self.res(x)
        return out if self.bias is None else out + self.bias
