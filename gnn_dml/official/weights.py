"""A file of published weights as names and tensors."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor

from gnn_dml.errors import UserError

_PARALLEL = "module."


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
    try:
        held = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:
        raise UserError(
            f"{path} is no file of weights: it was not written whole by torch.save, or holds objects other than "
            f"tensors, which are not loaded because that would run code from the file ({type(error).__name__})"
        ) from error
    if fault := _fault(held):
        raise UserError(f"{path} must hold a mapping of names to tensors, and it holds {fault}")
    weights: dict[str, Tensor] = dict(held)
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
        f"{name!r}: {type(value).__name__}"
        for name, value in held.items()
        if not (isinstance(name, str) and isinstance(value, Tensor))
    ]
    return f"other things under some of its {len(held)} names ({', '.join(others[:5])})" if others else None
