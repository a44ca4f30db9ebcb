"""Published CNN weights into our module, name by name."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

from torch import Tensor

from gnn_dml.errors import UserError
from gnn_dml.models.backbone import current_name
from gnn_dml.models.embedder import Embedder
from gnn_dml.official.names import filled, size

CHANNELS = {
    "resnet18": 512,
    "resnet34": 512,
    "resnet50": 2048,
    "resnet101": 2048,
    "resnet152": 2048,
    "densenet121": 1024,
    "densenet161": 2208,
    "densenet169": 1664,
    "densenet201": 1920,
}
"""The CNNs of the published code that can be read, and the channels of their pooled maps."""

_NEVER_REDUCED = ("resnet18", "resnet34")


def load_embedder(state_dict: Mapping[str, Tensor], *, name: str = "resnet50") -> Embedder:
    """Build the CNN of a published checkpoint of "Learning Intra-Batch Connections for Deep Metric Learning".

    ResNets end in global max pooling and DenseNets in average pooling. Then comes the linear map `red`, where the
    checkpoint has one; ResNet-18 and 34 never do. The auxiliary classifier sees the embedding before it is normalised;
    it is a linear map with bias, or without one behind a batch norm (`bottleneck`). Sizes are read from the shapes.

    Args:
        state_dict: The published names: torchvision's, `red`, `bottleneck`, and `fc` (in DenseNets `classifier`). The
            older names of torchvision's DenseNet files are known too.
        name: Which CNN it is, one of `CHANNELS`. A `last_stride` of 0, as in every published configuration, is taken
            for granted: no shape tells.

    Returns:
        The embedder in eval mode.

    Raises:
        UserError: If the CNN is unknown, or a name is unknown or missing, or a shape does not fit; the message lists
            the published names.
    """
    if name == "bn_inception":
        raise UserError("checkpoints of bn_inception cannot be read: this package has no such backbone")
    if name not in CHANNELS:
        raise UserError(f"the published CNNs are {', '.join(CHANNELS)}, not {name!r}")
    state = {current_name(key): tensor for key, tensor in state_dict.items()}
    dense = name.startswith("densenet")
    head = "classifier" if dense else "fc"
    build = partial(
        Embedder,
        name,
        dim=_reduced(state, name, head),
        num_classes=size(state, 0, f"{head}.weight", f"{head}.bias"),
        # The published ResNet-34 holds a bottleneck if told to, and then never applies it.
        neck="batch_norm" if _holds(state, "bottleneck.") and name != "resnet34" else "linear",
        pool="average" if dense else "max",
    )
    names = {
        r"backbone\.0\." if dense else r"backbone\.": "features." if dense else "",
        r"projection\.": "red.",
        r"classifier\.norm\.": "bottleneck.",
        r"classifier\.(classifier\.)?": f"{head}.",
    }
    return filled(build, state, names, what=name)


def _reduced(state: Mapping[str, Tensor], name: str, head: str) -> int | None:
    """The channels of the embedding after `red`, or None without it; the classifier's width tells if it got lost."""
    width = size(state, 1, f"{head}.weight", default=CHANNELS[name])
    if name in _NEVER_REDUCED or not (_holds(state, "red.") or width != CHANNELS[name]):
        return None
    return size(state, 0, "red.weight", "red.bias", default=width)


def _holds(state: Mapping[str, Tensor], prefix: str) -> bool:
    return any(name.startswith(prefix) for name in state)
