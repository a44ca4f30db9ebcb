"""Build and fill a module by published names, and name everything that does not fit in one sentence."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import TypeVar

from torch import Tensor, nn

from gnn_dml.errors import UserError
from gnn_dml.models.fit import misfit, shapes_of

Built = TypeVar("Built", bound=nn.Module)


def filled(
    build: Callable[[], Built], state_dict: Mapping[str, Tensor], names: Mapping[str, str], *, what: str
) -> Built:
    """Build a module and copy `state_dict` into it, strictly: every tensor of the one has its place in the other.

    Names and shapes are compared before anything is allocated: what the checkpoint says of itself may be wrong.

    Args:
        build: Makes the module.
        state_dict: Tensors under their published names.
        names: How our names begin, as a pattern, and what is published in its place; the first that matches counts.
        what: What the checkpoint should be, for the error.

    Returns:
        The module in eval mode.

    Raises:
        UserError: If a name is missing or unknown, or a shape differs; the message lists them all as published.
    """
    try:
        shapes = {_published(name, names): shape for name, shape in shapes_of(build).items()}
    except (RuntimeError, OverflowError) as error:  # a size beyond what torch can count
        raise UserError(f"the checkpoint does not fit {what}: a size in it is impossible") from error
    if fault := misfit(shapes, state_dict):
        raise UserError(f"the checkpoint does not fit {what}: {fault}")
    module = build()
    module.load_state_dict({name: state_dict[_published(name, names)] for name in module.state_dict()})
    return module.eval()


def size(state_dict: Mapping[str, Tensor], axis: int, *names: str, default: int = 1) -> int:
    """The size along `axis` of the first of `names` that is there and has that axis, else `default`."""
    shapes = (state_dict[name].shape for name in names if name in state_dict)
    return next((shape[axis] for shape in shapes if len(shape) > axis), default)


def _published(name: str, names: Mapping[str, str]) -> str:
    for pattern, replacement in names.items():
        if match := re.match(pattern, name):
            return match.expand(replacement) + name[match.end() :]
    return name
