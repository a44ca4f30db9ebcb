"""A local file of weights as names and tensors: a PyTorch state dict or safetensors."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor

from gnn_dml.errors import UserError

_WRAPPERS = ("state_dict", "model")


def read_state(path: Path) -> dict[str, Tensor]:
    """Read a state dict on the CPU; no code from the file is run.

    Training scripts often store it under "state_dict" or "model", and with "module." before every name; both are
    taken away.

    Args:
        path: A file written by `torch.save`, or one that ends in .safetensors.

    Raises:
        UserError: If there is no such file, or it holds anything but names with tensors.
    """
    if not path.is_file():
        raise UserError(
            f"backbone.weights must be null, imagenet, packaged or an existing file, and {str(path)!r} is none of these"
        )
    try:
        held = _read_safetensors(path) if path.suffix == ".safetensors" else _read_torch(path)
    except UserError:
        raise
    except Exception as error:
        raise UserError(f"{path} holds no state dict that can be loaded ({type(error).__name__})") from error
    if isinstance(held, dict):
        held = next((held[name] for name in _WRAPPERS if isinstance(held.get(name), dict)), held)
    if not isinstance(held, dict) or not held or not all(isinstance(value, Tensor) for value in held.values()):
        raise UserError(f"{path} holds no state dict that can be loaded (it is not a mapping of names to tensors)")
    return {str(name).removeprefix("module."): tensor for name, tensor in held.items()}


def _read_torch(path: Path) -> object:
    return torch.load(path, map_location="cpu", weights_only=True)


def _read_safetensors(path: Path) -> object:
    try:
        from safetensors.torch import load_file
    except ImportError as error:
        raise UserError(f"reading {path} needs safetensors; pip install 'gnn-dml[timm]' brings it") from error
    return load_file(path)
