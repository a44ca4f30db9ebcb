"""Backbones: networks from images (N, 3, h, w) to feature maps (N, channels, h', w'), by name."""

from __future__ import annotations

from torch import Tensor, nn

from gnn_dml.errors import UserError
from gnn_dml.models.timm_backbone import PREFIX, build_timm
from gnn_dml.models.torchvision_backbone import build_torchvision, current_name, torchvision_names

__all__ = ["SmallCNN", "build_backbone", "current_name", "torchvision_names"]


class SmallCNN(nn.Module):
    """A strided CNN of four 3 x 3 convolutions with batch norm, for small drawings trained from scratch.

    Channels are width, 2, 4 and 8 times width; every convolution halves the side, so 64 px become a 4 x 4 map.

    Args:
        width: Channels of the first convolution.

    Raises:
        ValueError: If the width is below 1.
    """

    def __init__(self, width: int = 32) -> None:
        super().__init__()
        if width < 1:
            raise ValueError(f"width must be at least 1, not {width}")
        layers: list[nn.Module] = []
        channels = 3
        for factor in (1, 2, 4, 8):
            layers += [
                nn.Conv2d(channels, factor * width, 3, stride=2, padding=1, bias=False),
                nn.BatchNorm2d(factor * width),
                nn.ReLU(inplace=True),
            ]
            channels = factor * width
        self.layers = nn.Sequential(*layers)
        self.channels = channels

    def forward(self, images: Tensor) -> Tensor:
        """Images (N, 3, h, w) to maps (N, 8 * width, h / 16, w / 16)."""
        maps: Tensor = self.layers(images)
        return maps


def build_backbone(
    name: str,
    *,
    weights: str | None = None,
    width: int = 32,
    pooled: bool = False,
    image_size: int | None = None,
) -> tuple[nn.Module, int]:
    """Build a backbone.

    Args:
        name: "small_cnn", a torchvision ResNet or DenseNet ("resnet50", "densenet121", ...), or any model of timm
            ("timm/vit_small_patch16_224.dino", ...), which needs the extra `timm`.
        weights: None for random; "imagenet" for torchvision's ImageNet-1k weights, or for a timm model the weights
            that its name stands for, whatever they were trained on (both downloaded once); a file with a state dict of
            the model, .safetensors too; or "packaged" for those of an installed package
            (`timm/tf_efficientnet_lite0`).
        width: Channels of the first convolution of `small_cnn`; the others have no such choice.
        pooled: Features (N, channels), pooled as the model's authors do, instead of maps: averaged by torchvision's
            models, the class token or whatever else it is in timm's. Transformers have nothing else.
        image_size: Side of the images in pixels, which a timm model of fixed size is built for and every timm model
            is tried at; None takes the model's own.

    Returns:
        The network from images to feature maps or features, and its number of channels.

    Raises:
        UserError: If the name is unknown, the weights cannot be had, or the model gives no such features or takes no
            such images.
    """
    if name.startswith(PREFIX):
        return build_timm(name, weights=weights, pooled=pooled, image_size=image_size)
    if weights == "packaged":
        raise UserError(f"backbone.weights=packaged is known for timm/tf_efficientnet_lite0, not for {name}")
    if name == "small_cnn":
        network = SmallCNN(width)
        if weights is not None:
            raise UserError(f"backbone.weights={weights} was asked for, and small_cnn has no pretrained weights")
        if pooled:
            raise UserError("backbone.pool=own: small_cnn has no pooling of its own; take max, average or flatten")
        return network, network.channels
    names = torchvision_names()
    if name not in names:
        raise UserError(
            f"unknown backbone {name!r}; known are small_cnn, {', '.join(names)}, and any model of timm as timm/NAME"
        )
    maps, channels = build_torchvision(name, weights=weights)
    if pooled:
        maps.add_module("pool", nn.AdaptiveAvgPool2d(1))
        maps.add_module("flatten", nn.Flatten())
    return maps, channels
