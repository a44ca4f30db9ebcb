"""Whether weights fit a module, told from names and shapes alone."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from torch import Tensor, nn

from gnn_dml.models.outline import outline

SHOWN = 20
"""How many names of one kind a message lists; it counts the rest."""


def shapes_of(build: Callable[[], nn.Module]) -> dict[str, tuple[int, ...]]:
    """The names and shapes that a module has, whatever their size: nothing is allocated, no random number is drawn.

    Args:
        build: Makes the module.
    """
    with outline():
        module = build()
    return {name: tuple(tensor.shape) for name, tensor in module.state_dict().items()}


def misfit(shapes: Mapping[str, tuple[int, ...]], weights: Mapping[str, Tensor]) -> str | None:
    """What is missing, unknown or of another shape, in one sentence; None if all fits.

    Args:
        shapes: Of a module, by name.
        weights: By name.
    """
    faults = {
        "missing": sorted(shapes.keys() - weights.keys()),
        "unknown": sorted(weights.keys() - shapes.keys()),
        "of another shape": [
            f"{name} is {tuple(weights[name].shape)} and must be {shape}"
            for name, shape in shapes.items()
            if name in weights and tuple(weights[name].shape) != shape
        ],
    }
    return "; ".join(f"{fault}: {_shortened(found)}" for fault, found in faults.items() if found) or None


def _shortened(found: Sequence[str]) -> str:
    more = f" and {len(found) - SHOWN} more" if len(found) > SHOWN else ""
    return ", ".join(found[:SHOWN]) + more
