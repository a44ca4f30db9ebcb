"""The published graph generator: edges where two nodes are similar enough, weighted by how similar they are."""

from __future__ import annotations

import math
from typing import Literal, get_args

import torch
from torch import Tensor

from gnn_dml.graphs.base import Edges, Topology, cosine_similarity, diagonal

Similarity = Literal["correlation", "cosine"]
Negatives = Literal["hard", "soft"]
LARGEST: dict[str, int] = {"hard": 1, "soft": 2}
"""What no similarity exceeds."""


class Threshold(Topology):
    """The graph in the published code of "Learning Intra-Batch Connections for Deep Metric Learning" (ICML 2021).

    Every pair has a similarity W that is never negative; an edge is where W exceeds the threshold, and W is its weight.
    Whether the weights multiply the attention is for the refiner to say (`weighted`). They carry gradient to the
    nodes, as in the published training; the choice of edges does not.

    Args:
        threshold: Or None for every pair, whatever its weight (the published `no`).
        similarity: "correlation": Pearson's, over the channels of the two nodes; 0 where a node's channels are all
            equal. "cosine": the cosine of the two, which the published code has as the dot product of normalised nodes.
        negatives: "hard": negative similarities become 0. "soft": the lowest similarity of the graph is subtracted from
            all, and that of a node to itself becomes 0.
        loop: Whether every node hears itself. None is the published way: a self-loop is an edge like any other, there
            if its weight exceeds the threshold. With True its weight is the node's own W before "soft" sets it to 0.

    Raises:
        ValueError: If a name is unknown, or the threshold is not finite, or so high that no similarity exceeds it.

    >>> import torch
    >>> from gnn_dml.graphs import Threshold
    >>> edges, weight = Threshold(0.5, similarity="cosine").edges(torch.tensor([[1.0, 0.0], [0.8, 0.6], [0.0, 1.0]]))
    >>> weight.round(decimals=1).tolist()  # [target, source]; 0 where there is no edge
    [[1.0, 0.800000011920929, 0.0], [0.800000011920929, 1.0, 0.6000000238418579], [0.0, 0.6000000238418579, 1.0]]
    """

    gives_weights = True

    def __init__(
        self,
        threshold: float | None,
        *,
        similarity: Similarity = "correlation",
        negatives: Negatives = "hard",
        loop: bool | None = None,
    ) -> None:
        super().__init__(loop=loop)
        if threshold is not None and not math.isfinite(threshold):
            raise ValueError(f"threshold must be a finite number or None, not {threshold}")
        if similarity not in get_args(Similarity):
            raise ValueError(f"similarity must be one of {', '.join(get_args(Similarity))}, not {similarity!r}")
        if negatives not in get_args(Negatives):
            raise ValueError(f"negatives must be one of {', '.join(get_args(Negatives))}, not {negatives!r}")
        if threshold is not None and threshold >= LARGEST[negatives]:
            raise ValueError(
                f"threshold must be below {LARGEST[negatives]} with negatives={negatives}, not {threshold}: no "
                "similarity is larger, so no node would hear another"
            )
        self.threshold = threshold
        self.similarity = similarity
        self.negatives = negatives

    def _edges(self, x: Tensor, y: Tensor | None) -> Edges:
        eye, weight = diagonal(x), self._weight(x)
        if self.threshold is None and self.loop is not False:
            return Edges(None, weight.to(x.dtype))
        chosen = weight > (-math.inf if self.threshold is None else self.threshold)
        if self.loop is not None:
            chosen = chosen | eye if self.loop else chosen & ~eye
        return Edges(chosen, weight.masked_fill(~chosen, 0.0).to(x.dtype))

    def _weight(self, x: Tensor) -> Tensor:
        """W of every pair: (..., N, D) -> (..., N, N), at least in float32."""
        similarity = correlation(x) if self.similarity == "correlation" else cosine_similarity(x)
        # Rounding may leave a product of matrices a little asymmetric, and a little above 1.
        similarity = ((similarity + similarity.mT) / 2).clamp(-1.0, 1.0)
        if self.negatives == "hard":
            return similarity.relu()
        if similarity.numel():
            similarity = similarity - similarity.amin(dim=(-2, -1), keepdim=True)
        return similarity if self.loop else similarity.masked_fill(diagonal(x), 0.0)


def correlation(x: Tensor) -> Tensor:
    """Pearson correlation of every pair: (..., N, D) -> (..., N, N), at least in float32; 0 for constant rows."""
    x = x.float() if x.dtype in (torch.float16, torch.bfloat16) else x
    # Rounding leaves something of a constant row beside its mean, so such rows are found before.
    constant = (x == x[..., :1]).all(dim=-1, keepdim=True)
    return cosine_similarity((x - x.mean(dim=-1, keepdim=True)).masked_fill(constant, 0.0))
