"""What is trained: an embedder, and where there is one, a refiner with the graph it works on."""

from __future__ import annotations

from torch import Tensor, nn
from torch_geometric.transforms import BaseTransform

from gnn_dml.graphs import Complete, build_edges, uses_labels
from gnn_dml.models import EmbedderOutput, Refiner, RefinerOutput


class Learner(nn.Module):
    """Embedder + topology + refiner.

    Args:
        embedder: Images (N, 3, h, w) to `EmbedderOutput`.
        refiner: Or None to train the embedder alone.
        topology: The graph of a mini-batch; given with and only with a refiner.
    """

    def __init__(
        self, embedder: nn.Module, refiner: Refiner | None = None, topology: BaseTransform | None = None
    ) -> None:
        super().__init__()
        if (refiner is None) != (topology is None):
            raise ValueError("a refiner and a topology go together: one was given and the other not")
        self.embedder = embedder
        self.refiner = refiner
        self.topology = topology

    def forward(self, images: Tensor, labels: Tensor) -> tuple[EmbedderOutput, RefinerOutput | None]:
        """Both branches for a mini-batch: images (N, 3, h, w), labels (N,)."""
        backbone: EmbedderOutput = self.embedder(images)
        if self.refiner is None or self.topology is None:
            return backbone, None
        edges, edge_weight = build_edges(self.topology, backbone.features, labels)
        return backbone, self.refiner(backbone.features, edges, edge_weight)

    @property
    def test_topology(self) -> BaseTransform | None:
        """The graph for unseen images: the training graph, or the complete one where that was built from labels."""
        if self.topology is None:
            return None
        return Complete() if uses_labels(self.topology) else self.topology
