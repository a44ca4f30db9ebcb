"""torchvision's ResNets and DenseNets as backbones, under torchvision's own layer names."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from gnn_dml.errors import UserError
from gnn_dml.models.fit import misfit
from gnn_dml.models.weights_file import read_state

IMAGENET = "imagenet"
_CLASSIFIERS = ("fc", "classifier", "head")
_FAMILIES = ("resnet", "resnext", "wide_resnet", "densenet")


class ResNetMaps(nn.Module):
    """A torchvision ResNet without its pooling and classifier.

    Args:
        model: A torchvision ResNet; its parts are taken over.
    """

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        for name, child in model.named_children():
            setattr(self, name, child)

    def stages(self) -> list[nn.Module]:
        """The four stages of residual blocks."""
        return [child for name, child in self.named_children() if name.startswith("layer")]

    def forward(self, images: Tensor) -> Tensor:
        """Images (N, 3, h, w) to maps (N, channels, h / 32, w / 32)."""
        x = images
        for child in self.children():
            x = child(x)
        return x


def torchvision_names() -> list[str]:
    """The names of torchvision's ResNets and DenseNets."""
    from torchvision import models

    return [name for name in models.list_models(module=models) if name.startswith(_FAMILIES)]


def build_torchvision(name: str, *, weights: str | None) -> tuple[nn.Module, int]:
    """Build one of `torchvision_names()`.

    Args:
        name: Which one.
        weights: None for random, "imagenet" for torchvision's ImageNet-1k weights (downloaded once), or a file with a
            state dict of the torchvision model, whose classifier may be of any classes or missing.

    Returns:
        The network from images to feature maps, and its number of channels.

    Raises:
        UserError: If the weights cannot be had.
    """
    model = _build(name, weights)
    if name.startswith("densenet"):
        # torchvision's densenet applies this ReLU in its forward, outside `features`.
        return nn.Sequential(model.features, nn.ReLU(inplace=True)), int(model.classifier.in_features)
    channels = int(model.fc.in_features)
    del model.avgpool, model.fc
    return ResNetMaps(model), channels


def current_name(key: str) -> str:
    """The present name of a parameter that torchvision's DenseNet files have under an older one (norm.1 for norm1)."""
    return re.sub(r"(denselayer\d+\.(?:norm|conv))\.([12])\.", r"\1\2.", key)


def _build(name: str, weights: str | None) -> Any:
    from torchvision.models import get_model

    if weights == IMAGENET:
        try:
            return get_model(name, weights="IMAGENET1K_V1")
        except Exception as error:  # of many types: no connection, a wrong checksum, a file of noise
            raise _not_had(name, error) from error
    model = get_model(name, weights=None)
    if weights is not None:
        _fill(model, name, Path(weights))
    return model


def _fill(model: nn.Module, name: str, path: Path) -> None:
    """Fill a model from a file, which may hold a classifier of any classes or none: it is not used.

    Raises:
        UserError: If anything but the classifier is missing, unknown or of another shape, or the file is torchvision's
            own and damaged.
    """
    _check_published(name, path)
    state = {current_name(key): tensor for key, tensor in read_state(path).items()}
    own = model.state_dict()
    body = {key: tensor for key, tensor in state.items() if not _is_classifier(key)}
    shapes = {key: tuple(tensor.shape) for key, tensor in own.items() if not _is_classifier(key)}
    # Files of torch before 0.4.1 have no counters, and no figure depends on them.
    counters = {key: own[key] for key in shapes if key.endswith(".num_batches_tracked") and key not in body}
    if fault := misfit(shapes, {**counters, **body}):
        raise UserError(f"the weights in {path} do not fit {name}: {fault[:300]}")
    model.load_state_dict({**own, **counters, **body})


def _is_classifier(key: str) -> bool:
    """Whether a name is of a classifier, as torchvision or others call it."""
    return key.partition(".")[0] in _CLASSIFIERS


def _check_published(name: str, path: Path) -> None:
    """A file under the name that torchvision publishes it by is held against the checksum in that name."""
    from torchvision.models import get_model_weights

    entries: Any = get_model_weights(name)
    published = {entry.url.rpartition("/")[2] for entry in entries}
    digits = path.stem.rpartition("-")[2]
    if path.name in published and path.is_file() and not _sha256(path).startswith(digits):
        raise UserError(f"{path} is damaged: its checksum does not begin with {digits}; get the file again")


def _sha256(path: Path) -> str:
    found = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(2**20):
            found.update(chunk)
    return found.hexdigest()


def _not_had(name: str, error: Exception) -> UserError:
    """Whether the download failed, or what an earlier one left is damaged."""
    from torchvision.models import get_model_weights

    weights: Any = get_model_weights(name)
    file = Path(torch.hub.get_dir()) / "checkpoints" / weights.IMAGENET1K_V1.url.rpartition("/")[2]
    said = " ".join(str(error).split())[:200] or type(error).__name__
    if file.is_file():
        return UserError(f"the ImageNet weights of {name} in {file} are damaged ({said}); delete that file")
    return UserError(
        f"the ImageNet weights of {name} could not be downloaded ({said}); download them elsewhere and give the file: "
        "backbone.weights=/path/to/weights.pth"
    )
