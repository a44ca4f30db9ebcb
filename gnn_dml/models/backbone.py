"""Backbones: networks from images (N, 3, h, w) to feature maps (N, channels, h', w'), by name."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from gnn_dml.errors import UserError

IMAGENET = "imagenet"


class SmallCNN(nn.Module):
    """A strided CNN of four 3 x 3 convolutions with batch norm, for small drawings trained from scratch.

    Channels are width, 2, 4 and 8 times width; every convolution halves the side, so 64 px become a 4 x 4 map.

    Args:
        width: Channels of the first convolution.
    """

    def __init__(self, width: int = 32) -> None:
        super().__init__()
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


def torchvision_names() -> list[str]:
    """The names of torchvision's ResNets and DenseNets."""
    from torchvision import models

    families = ("resnet", "resnext", "wide_resnet", "densenet")
    return [name for name in models.list_models(module=models) if name.startswith(families)]


def build_backbone(name: str, *, weights: str | None = None, width: int = 32) -> tuple[nn.Module, int]:
    """Build a backbone.

    Args:
        name: "small_cnn", or a torchvision ResNet or DenseNet ("resnet50", "densenet121", ...).
        weights: None for random, "imagenet" for torchvision's ImageNet-1k weights (downloaded once), or a file with a
            state dict of the torchvision model.
        width: Channels of the first convolution of `small_cnn`; the others have no such choice.

    Returns:
        The network from images to feature maps, and its number of channels.

    Raises:
        UserError: If the name is unknown or the weights cannot be had.
    """
    if name == "small_cnn":
        network = SmallCNN(width)
        if weights is not None:
            raise UserError(f"backbone.weights={weights} was asked for, and small_cnn has no pretrained weights")
        return network, network.channels
    names = torchvision_names()
    if name not in names:
        raise UserError(f"unknown backbone {name!r}; known are small_cnn, {', '.join(names)}")
    model = _build_torchvision(name, weights)
    if name.startswith("densenet"):
        # torchvision's densenet applies this ReLU in its forward, outside `features`.
        return nn.Sequential(model.features, nn.ReLU(inplace=True)), int(model.classifier.in_features)
    channels = int(model.fc.in_features)
    del model.avgpool, model.fc
    return ResNetMaps(model), channels


class ResNetMaps(nn.Module):
    """A torchvision ResNet without its pooling and classifier, under torchvision's own layer names.

    Args:
        model: A torchvision ResNet; its parts are taken over.
    """

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        for name, child in model.named_children():
            setattr(self, name, child)

    def forward(self, images: Tensor) -> Tensor:
        """Images (N, 3, h, w) to maps (N, channels, h / 32, w / 32)."""
        x = images
        for child in self.children():
            x = child(x)
        return x


def current_name(key: str) -> str:
    """The present name of a parameter that torchvision's DenseNet files have under an older one (norm.1 for norm1)."""
    return re.sub(r"(denselayer\d+\.(?:norm|conv))\.([12])\.", r"\1\2.", key)


def _build_torchvision(name: str, weights: str | None) -> Any:
    from torchvision.models import get_model

    if weights == IMAGENET:
        try:
            return get_model(name, weights="IMAGENET1K_V1")
        except OSError as error:
            raise UserError(
                f"the ImageNet weights of {name} could not be downloaded ({error}); download them elsewhere and give "
                "the file: backbone.weights=/path/to/weights.pth"
            ) from error
    model = get_model(name, weights=None)
    if weights is not None:
        _load_file(model, name, Path(weights))
    return model


def _load_file(model: nn.Module, name: str, path: Path) -> None:
    """Load a state dict in torchvision's names, the older ones of its DenseNet files included."""
    if not path.is_file():
        raise UserError(
            f"backbone.weights must be null, imagenet or an existing file, and {str(path)!r} is none of these"
        )
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
        renamed = {current_name(key): state[key] for key in state}
    except Exception as error:
        raise UserError(f"{path} holds no state dict that can be loaded ({type(error).__name__})") from error
    try:
        model.load_state_dict(renamed)
    except RuntimeError as error:
        raise UserError(f"the weights in {path} do not fit {name}: {' '.join(str(error).split())[:300]}") from error
