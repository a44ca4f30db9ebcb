"""The one place where files of weights are opened: a PyTorch file or safetensors; no code from a file is run.

What a file says about its sizes is held against its bytes before anything of that size is allocated: a view that
repeats one number a billion times, an archive that unpacks to more than it is, a wrong checksum are refused.
"""

from __future__ import annotations

import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from gnn_dml.errors import UserError
from gnn_dml.text import show_name

MOST_TENSORS = 100_000
"""Of one file; the largest networks of timm have a few thousand."""

_WRAPPERS = ("state_dict", "model")
_PARALLEL = "module."


def open_file(path: Path, *, mapped: bool = False) -> Any:
    """What a file holds: plain values and tensors, on the CPU.

    Args:
        path: A file written by `torch.save`, or one that ends in .safetensors.
        mapped: Whether tensors may stay in the file until they are copied, so that none is read for nothing.

    Raises:
        UserError: If the file is damaged, or unpacks to more than it is; if safetensors is missing.
        Exception: Of many types, where it is no such file.
    """
    if path.suffix == ".safetensors":
        return _open_safetensors(path)
    with path.open("rb") as file:
        if file.read(2) != b"PK":  # of torch before 1.6
            file.seek(0)
            return torch.load(file, map_location="cpu", weights_only=True)
    _check_archive(path)
    if mapped and show_name(str(path)) == str(path):  # torch maps no file whose name is not UTF-8
        return torch.load(path, map_location="cpu", weights_only=True, mmap=True)
    with path.open("rb") as file:
        return torch.load(file, map_location="cpu", weights_only=True)


def check_tensors(path: Path, tensors: Mapping[Any, Tensor]) -> None:
    """See to it that tensors are plain ones, with every number of theirs in the file.

    Raises:
        UserError: Naming the first that is not.
    """
    if len(tensors) > MOST_TENSORS:
        raise UserError(f"{path} holds {len(tensors)} tensors, and {MOST_TENSORS} are the most that are read")
    needed = 0
    for name, tensor in tensors.items():
        plain = tensor.layout == torch.strided and tensor.device.type == "cpu" and not tensor.is_nested
        if not plain or tensor.is_quantized or type(tensor) not in (Tensor, torch.nn.Parameter):
            raise UserError(f"{path}: {_shown(name)} is no plain tensor but sparse, quantised, or without numbers")
        bytes_needed = tensor.numel() * tensor.element_size()
        if tensor.storage_offset() * tensor.element_size() + bytes_needed > tensor.untyped_storage().nbytes():
            raise UserError(
                f"{path}: {_shown(name)} has the shape {tuple(tensor.shape)}, and the file holds fewer numbers for it"
            )
        needed += bytes_needed
    # Twice, since two names may share their numbers.
    if needed > 2 * path.stat().st_size:
        raise UserError(f"{path}: its tensors would take {needed} bytes, and the file has {path.stat().st_size}")


def check_finite(path: Path, tensors: Mapping[Any, Tensor]) -> None:
    """See to it that every number of tensors is one.

    Raises:
        UserError: Naming the first tensor that holds NaN or infinity.
    """
    for name, tensor in tensors.items():
        if tensor.is_floating_point() and not bool(tensor.isfinite().all()):
            raise UserError(f"{path}: {_shown(name)} holds NaN or infinity: the file is damaged, or its run diverged")


def read_state(path: Path) -> dict[str, Tensor]:
    """Read a state dict of a backbone on the CPU.

    Training scripts often store it under "state_dict" or "model", and with "module." before every name; both are
    taken away.

    Args:
        path: See `open_file`.

    Raises:
        UserError: If there is no such file, or it holds anything but names with tensors.
    """
    if not path.is_file():
        raise UserError(
            f"backbone.weights must be null, imagenet, packaged or an existing file, and {str(path)!r} is none of these"
        )
    try:
        held = open_file(path, mapped=True)
    except UserError:
        raise
    except Exception as error:
        raise UserError(f"{path} holds no state dict that can be loaded ({type(error).__name__})") from error
    if isinstance(held, dict):
        held = next((held[name] for name in _WRAPPERS if isinstance(held.get(name), dict)), held)
    if _fault(held) is not None:
        raise UserError(f"{path} holds no state dict that can be loaded (it is not a mapping of names to tensors)")
    check_tensors(path, held)
    check_finite(path, held)
    return {name.removeprefix(_PARALLEL): tensor for name, tensor in held.items()}


def read_weights(path: str | Path) -> dict[str, Tensor]:
    """Read a checkpoint file of "Learning Intra-Batch Connections for Deep Metric Learning", on the CPU.

    The published code saves a bare state dict, the CNN and the refiner in a file of their own. A CNN that was trained
    on several GPUs has `module.` before every name; it is taken away. No code from the file is run.

    Args:
        path: A file written by `torch.save`.

    Returns:
        Tensors by their published names, for `load_embedder` or `load_refiner`.

    Raises:
        UserError: If there is no such file, or it holds anything but a mapping of names to tensors.
    """
    path = Path(path)
    if not path.is_file():
        raise UserError(f"no file of weights at {path}")
    return as_weights(path, open_weights(path))


def open_weights(path: Path) -> Any:
    """What a file of weights holds, ours or published.

    Raises:
        UserError: If it is no such file.
    """
    try:
        return open_file(path, mapped=True)
    except UserError:
        raise
    except Exception as error:
        raise UserError(
            f"{path} is no file of weights: it was not written whole by torch.save, or holds objects other than "
            f"tensors, which are not loaded because that would run code from the file ({type(error).__name__})"
        ) from error


def as_weights(path: Path, held: Any) -> dict[str, Tensor]:
    """What `open_weights` gave, as published weights; see `read_weights`.

    Raises:
        UserError: If it is anything but a mapping of names to tensors.
    """
    if fault := _fault(held):
        raise UserError(f"{path} must hold a mapping of names to tensors, and it holds {fault}")
    weights: dict[str, Tensor] = dict(held)
    check_tensors(path, weights)
    if all(name.startswith(_PARALLEL) for name in weights):
        weights = {name.removeprefix(_PARALLEL): tensor for name, tensor in weights.items()}
    return weights


def _fault(held: object) -> str | None:
    """What `held` is, if it is not a mapping of names to tensors."""
    if not isinstance(held, dict):
        return f"one {type(held).__name__}"
    if not held:
        return "an empty one"
    others = [
        f"{_shown(name)}: {type(value).__name__}"
        for name, value in held.items()
        if not (isinstance(name, str) and isinstance(value, Tensor))
    ]
    return f"other things under some of its {len(held)} names ({', '.join(others[:5])})" if others else None


def _check_archive(path: Path) -> None:
    """See to it that a zip archive is no larger than it looks, and whole: `torch.save` compresses nothing."""
    try:
        with zipfile.ZipFile(path) as archive:
            members = archive.infolist()
            packed = any(member.compress_type != zipfile.ZIP_STORED for member in members)
            if packed or sum(member.file_size for member in members) > path.stat().st_size:
                raise UserError(f"{path} was not written by torch.save: it unpacks to more than it is")
            damaged = archive.testzip()
    except (zipfile.BadZipFile, NotImplementedError, EOFError, RuntimeError) as error:
        raise zipfile.BadZipFile(str(error)) from error
    if damaged is not None:
        raise UserError(f"{path} is damaged: the checksum of {_shown(damaged)} inside is wrong; get the file again")


def _open_safetensors(path: Path) -> Any:
    try:
        from safetensors.torch import load_file
    except ImportError as error:
        raise UserError(f"reading {path} needs safetensors; pip install 'gnn-dml[timm]' brings it") from error
    return load_file(path)


def _shown(name: object) -> str:
    text = repr(name) if isinstance(name, (str, int)) else type(name).__name__
    return text if len(text) <= 100 else f"{text[:100]}..."
