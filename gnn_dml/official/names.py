"""Fill a module by published names, and name everything that does not fit in one sentence."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from torch import Tensor, nn

from gnn_dml.errors import UserError

SHOWN = 20
"""How many names of one kind an error lists; it counts the rest."""


def fill(module: nn.Module, state_dict: Mapping[str, Tensor], names: Mapping[str, str], *, what: str) -> None:
    """Copy `state_dict` into `module`, strictly: every tensor of the one has its place in the other.

    Args:
        module: To be filled; untouched if anything does not fit.
        state_dict: Tensors under their published names.
        names: How our names begin, as a pattern, and what is published in its place; the first that matches counts.
        what: What the checkpoint should be, for the error.

    Raises:
        UserError: If a name is missing or unknown, or a shape differs; the message lists them all as published.
    """
    shapes = {_published(name, names): tuple(tensor.shape) for name, tensor in module.state_dict().items()}
    faults = {
        "missing": sorted(shapes.keys() - state_dict.keys()),
        "unknown": sorted(state_dict.keys() - shapes.keys()),
        "of another shape": [
            f"{name} is {tuple(state_dict[name].shape)} and must be {shape}"
            for name, shape in shapes.items()
            if name in state_dict and tuple(state_dict[name].shape) != shape
        ],
    }
    if any(faults.values()):
        listed = "; ".join(f"{fault}: {_shortened(found)}" for fault, found in faults.items() if found)
        raise UserError(f"the checkpoint does not fit {what}: {listed}")
    module.load_state_dict({name: state_dict[_published(name, names)] for name in module.state_dict()})


def size(state_dict: Mapping[str, Tensor], axis: int, *names: str, default: int = 1) -> int:
    """The size along `axis` of the first of `names` that is there and has that axis, else `default`."""
    shapes = (state_dict[name].shape for name in names if name in state_dict)
    return next((shape[axis] for shape in shapes if len(shape) > axis), default)


def _published(name: str, names: Mapping[str, str]) -> str:
    for pattern, replacement in names.items():
        if match := re.match(pattern, name):
            return match.expand(replacement) + name[match.end() :]
    return name


def _shortened(found: Sequence[str]) -> str:
    more = f" and {len(found) - SHOWN} more" if len(found) > SHOWN else ""
    return ", ".join(found[:SHOWN]) + more
