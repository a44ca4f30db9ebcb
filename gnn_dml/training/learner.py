"""What is trained: an embedder, and where there is one, a refiner with the graph it works on."""

from __future__ import annotations

from typing import NamedTuple

from torch import Tensor, nn
from torch_geometric.transforms import BaseTransform

from gnn_dml.graphs import Edges, build_edges, for_test
from gnn_dml.models import EmbedderOutput, Neck, Refiner, RefinerOutput


class LearnerOutput(NamedTuple):
    """What a learner makes of a mini-batch.

    Attributes:
        backbone: Of the embedder.
        refined: Of the refiner, or None without one.
        edges: The graph that the refiner worked on, or None likewise.
    """

    backbone: EmbedderOutput
    refined: RefinerOutput | None
    edges: Edges | None


class Learner(nn.Module):
    """Embedder + topology + refiner.

    Args:
        embedder: Images (N, 3, h, w) to `EmbedderOutput`.
        refiner: Or None to train the embedder alone.
        topology: The graph of a mini-batch; given with and only with a refiner.
        shared_classifier: Whether the classifiers of the refined branch have the weights of the backbone's, so that the
            module can be taken away after training (as in BatchFormer, Hou et al. 2022). The norms before them stay.

    Raises:
        ValueError: If one of refiner and topology is missing, or the classifiers cannot be shared.

    Example:
        >>> import torch
        >>> from gnn_dml.graphs import KNN
        >>> from gnn_dml.layers import DotProductAttention
        >>> from gnn_dml.models import Embedder, Refiner
        >>> embedder = Embedder("small_cnn", dim=16, num_classes=4)
        >>> refiner = Refiner(16, 4, lambda dim: DotProductAttention(dim, num_heads=2))
        >>> learner = Learner(embedder, refiner, KNN(k=3))
        >>> backbone, refined, edges = learner(torch.randn(8, 3, 64, 64), torch.arange(8) % 4)
        >>> backbone.features.shape, refined.features[0].shape, edges.edges.shape
        (torch.Size([8, 16]), torch.Size([8, 16]), torch.Size([8, 8]))
    """

    def __init__(
        self,
        embedder: nn.Module,
        refiner: Refiner | None = None,
        topology: BaseTransform | None = None,
        *,
        shared_classifier: bool = False,
    ) -> None:
        super().__init__()
        if (refiner is None) != (topology is None):
            raise ValueError("a refiner and a topology go together: one was given and the other not")
        self.embedder = embedder
        self.refiner = refiner
        self.topology = topology
        if shared_classifier and refiner is not None:
            share_classifier(embedder, refiner)

    def embed(self, images: Tensor) -> EmbedderOutput:
        """The backbone branch of images (N, 3, h, w)."""
        backbone: EmbedderOutput = self.embedder(images)
        return backbone

    def refine(self, features: Tensor, labels: Tensor | None) -> tuple[RefinerOutput | None, Edges | None]:
        """The refined branch in the graph that the topology builds over the features.

        Args:
            features: Of the backbone branch (N, D).
            labels: (N,), for topologies that build their edges from labels.

        Returns:
            What the refiner makes of them and the graph, or (None, None) without a refiner.
        """
        if self.refiner is None or self.topology is None:
            return None, None
        edges = build_edges(self.topology, features, labels)
        return self.refiner(features, *edges), edges

    def forward(self, images: Tensor, labels: Tensor) -> LearnerOutput:
        """Both branches for a mini-batch: images (N, 3, h, w), labels (N,)."""
        backbone = self.embed(images)
        return LearnerOutput(backbone, *self.refine(backbone.features, labels))

    @property
    def has_refiner(self) -> bool:
        """Whether there is a refined branch; without one there is neither a topology nor a test topology."""
        return self.refiner is not None

    @property
    def test_topology(self) -> BaseTransform | None:
        """The graph for unseen images: the training graph with all its edges, or complete if that was label-built."""
        return None if self.topology is None else for_test(self.topology)


def share_classifier(embedder: nn.Module, refiner: Refiner) -> None:
    """Give the classifiers of a refiner the weights of the embedder's.

    Raises:
        ValueError: If the embedder has no linear classifier, or one of another shape.
    """
    classifier = getattr(embedder, "classifier", None)
    linear = getattr(classifier, "classifier", classifier)
    if not isinstance(linear, nn.Linear):
        raise ValueError("a shared classifier needs a backbone with a linear classifier")
    for neck in refiner.necks:
        assert isinstance(neck, Neck)
        if neck.classifier.weight.shape != linear.weight.shape:
            raise ValueError(
                f"a shared classifier needs embeddings of one size: the refined ones have "
                f"{neck.classifier.in_features} channels and the backbone's {linear.in_features}"
            )
        neck.classifier.weight = linear.weight
