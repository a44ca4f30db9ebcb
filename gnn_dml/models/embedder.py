"""The embedder: backbone, pooling, projection; one L2-normalised embedding per image.

Legend: N images, h x w pixels, D embedding channels, C classes.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

from torch import Tensor, nn
from torch.nn.functional import normalize

from gnn_dml.models.backbone import build_backbone
from gnn_dml.models.neck import Neck
from gnn_dml.models.statistics import update_twice
from gnn_dml.models.torchvision_backbone import ResNetMaps

Pool = Literal["max", "average", "flatten", "own"]
NeckKind = Literal["linear", "batch_norm"]


@dataclass(frozen=True)
class EmbedderOutput:
    """What an embedder returns.

    Attributes:
        features: L2-normalised embeddings (N, D).
        logits: Class scores (N, C) of the auxiliary classifier, or None where there is none.
        raw: The embeddings before normalisation (N, D), on which the classifier sits; None where they are not known.
    """

    features: Tensor
    logits: Tensor | None
    raw: Tensor | None = None


class Embedder(nn.Module):
    """CNN + pooling + projection (ICML 2021, section 3.1; global max pooling as in the published code).

    The auxiliary classifier sits on the embedding before normalisation. As published it is a linear map with bias; a
    network from scratch learns much faster with the batch-norm neck that the paper puts on its refined branch.

    Args:
        name: The backbone; see `gnn_dml.models.build_backbone`.
        dim: D. None leaves the pooled features as they are, as published for ResNet-18 and 34.
        num_classes: C, or None for no auxiliary classifier.
        neck: "linear" for the published classifier, "batch_norm" for `Neck`.
        pool: Global "max" or "average" pooling; "flatten" keeps the layout of the map, for small images that are
            aligned with each other, and fixes their size; "own" is the pooling of the model's authors, and the only
            one for transformers, whose tokens are no map.
        map_size: Side of the backbone's map, which "flatten" has to know: image side / 16 for `small_cnn`.
        weights: Pretrained weights of the backbone; see `build_backbone`.
        width: See `build_backbone`.
        image_size: Side of the images in pixels, for timm models; see `build_backbone`.
        double_statistics: For a ResNet of torchvision: every training step moves the running statistics of the batch
            norms in its four stages twice, as the published training does under gradient checkpointing.

    Raises:
        ValueError: If `pool` or `neck` is unknown, a size is below 1, the backbone has no stages to move twice, or on
            use if "flatten" meets a map of another side than `map_size`.
        UserError: If the backbone is unknown, its weights cannot be had, or `pool` or `image_size` do not fit it.

    >>> import torch
    >>> from gnn_dml.models import Embedder
    >>> embedder = Embedder("small_cnn", dim=16, num_classes=10, width=4)
    >>> out = embedder(torch.randn(2, 3, 64, 64))
    >>> out.features.shape, out.logits.shape
    (torch.Size([2, 16]), torch.Size([2, 10]))
    >>> out.features.norm(dim=1).round(decimals=3).tolist()
    [1.0, 1.0]
    """

    def __init__(
        self,
        name: str,
        *,
        dim: int | None = 512,
        num_classes: int | None = None,
        neck: NeckKind = "linear",
        pool: Pool = "max",
        map_size: int = 4,
        weights: str | None = None,
        width: int = 32,
        image_size: int | None = None,
        double_statistics: bool = False,
    ) -> None:
        super().__init__()
        if pool not in get_args(Pool):
            raise ValueError(f"pool must be one of {', '.join(get_args(Pool))}, not {pool!r}")
        if neck not in get_args(NeckKind):
            raise ValueError(f"neck must be one of {', '.join(get_args(NeckKind))}, not {neck!r}")
        for what, size in (("dim", dim), ("map_size", map_size)):
            if size is not None and size < 1:
                raise ValueError(f"{what} must be at least 1, not {size}")
        self.backbone, channels = build_backbone(
            name, weights=weights, width=width, pooled=pool == "own", image_size=image_size
        )
        if not isinstance(double_statistics, bool):
            raise ValueError(f"double_statistics must be true or false, not {double_statistics!r}")
        if double_statistics:
            if not isinstance(self.backbone, ResNetMaps):
                raise ValueError(f"double_statistics is for ResNets of torchvision, and {name} is none")
            update_twice(self.backbone.stages())
        self.pool: nn.Module = nn.Identity()
        self.map_size = map_size if pool == "flatten" else None
        if pool == "flatten":
            channels *= map_size**2
        elif pool != "own":
            self.pool = nn.AdaptiveMaxPool2d(1) if pool == "max" else nn.AdaptiveAvgPool2d(1)
        self.projection = nn.Identity() if dim is None else nn.Linear(channels, dim)
        self.dim = channels if dim is None else dim
        self.classifier: nn.Module | None = None
        if num_classes is not None:
            self.classifier = nn.Linear(self.dim, num_classes) if neck == "linear" else Neck(self.dim, num_classes)

    @property
    def prototypes(self) -> Tensor | None:
        """A direction for each class (C, D): the rows of the classifier; None without one."""
        head = self.classifier.classifier if isinstance(self.classifier, Neck) else self.classifier
        return head.weight.detach() if isinstance(head, nn.Linear) else None

    def forward(self, images: Tensor) -> EmbedderOutput:
        """Embed images (N, 3, h, w)."""
        maps = self.backbone(images)
        if self.map_size is not None and maps.shape[2:] != (self.map_size, self.map_size):
            height, width = maps.shape[2:]
            raise ValueError(
                f"pool=flatten was built for maps of {self.map_size} x {self.map_size} (map_size), and images of "
                f"{images.size(2)} x {images.size(3)} px give {height} x {width}"
            )
        raw = self.projection(self.pool(maps).flatten(1))
        logits = None if self.classifier is None else self.classifier(raw)
        return EmbedderOutput(features=normalize(raw, dim=-1), logits=logits, raw=raw)


class PixelEmbedder(nn.Module):
    """The floor: the image itself, flattened and L2-normalised. It has no parameters and cannot be trained."""

    def __init__(self, *, num_classes: int | None = None) -> None:
        """Take and ignore the number of classes: pixels are not trained."""
        super().__init__()

    def forward(self, images: Tensor) -> EmbedderOutput:
        """Embed images (N, 3, h, w) as (N, 3 * h * w)."""
        return EmbedderOutput(features=normalize(images.flatten(1), dim=-1), logits=None)
