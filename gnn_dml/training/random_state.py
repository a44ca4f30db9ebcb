"""The random state of Python, numpy and torch, as plain values and tensors that a file can hold."""

from __future__ import annotations

import random
from collections.abc import Mapping
from typing import Any

import numpy as np
import torch


def random_state(device: torch.device) -> dict[str, Any]:
    """The state of every global generator: torch's on the CPU and on `device`, Python's and numpy's."""
    state_of_numpy: Any = np.random.get_state(legacy=True)  # noqa: NPY002 - the global state is what others read
    kind, keys, *rest = state_of_numpy
    state: dict[str, Any] = {
        "random": torch.get_rng_state(),
        "random_python": random.getstate(),
        "random_numpy": (kind, torch.tensor(keys.tolist()), *rest),
    }
    if device.type == "cuda":
        state["random_cuda"] = torch.cuda.get_rng_state(device)
    return state


def restore_random_state(state: Mapping[str, Any], device: torch.device) -> None:
    """Go on from a `random_state`; what a state of an earlier version does not hold stays as it is."""
    torch.set_rng_state(state["random"].cpu())
    if device.type == "cuda" and "random_cuda" in state:
        torch.cuda.set_rng_state(state["random_cuda"].cpu(), device)
    if "random_python" in state:
        version, internal, gauss = state["random_python"]
        random.setstate((version, tuple(internal), gauss))
    if "random_numpy" in state:
        kind, keys, *rest = state["random_numpy"]
        np.random.set_state((kind, keys.cpu().numpy().astype(np.uint32), *rest))  # noqa: NPY002
