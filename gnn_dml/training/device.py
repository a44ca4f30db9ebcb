"""Where a run computes, and what makes it repeatable."""

from __future__ import annotations

import os
import random

import numpy as np
import torch

from gnn_dml.errors import UserError

DEVICES = ("auto", "cpu", "cuda", "mps")


def pick_device(name: str) -> torch.device:
    """The device called `name`; "auto" is a CUDA GPU, else an Apple GPU, else the CPU.

    Raises:
        UserError: If the name is unknown or the device is absent.
    """
    kind = name.split(":")[0]
    if kind not in DEVICES:
        raise UserError(f"device must be one of {', '.join(DEVICES)}, not {name!r}")
    present = {"cpu": True, "cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available()}
    if kind == "auto":
        return torch.device(next(found for found in ("cuda", "mps", "cpu") if present[found]))
    if not present[kind]:
        here = ", ".join(found for found, there in present.items() if there)
        raise UserError(f"device={name} was asked for, and this machine has {here}")
    try:
        device = torch.device(name)
    except RuntimeError:
        raise UserError(f"device={name} is no device; write {kind} or {kind}:0") from None
    count = torch.cuda.device_count() if kind == "cuda" else 1
    if device.index is not None and device.index >= count:
        raise UserError(f"device={name} was asked for, and this machine has {kind}:0 to {kind}:{count - 1}")
    return device


def seed_everything(seed: int) -> None:
    """Seed Python, numpy and torch, and ask torch for deterministic kernels where it has them.

    On one CPU, with the same number of threads, two runs of the same seed then agree to the bit.
    """
    random.seed(seed)
    np.random.seed(seed % 2**32)  # noqa: NPY002 - scikit-learn and others read the global state
    torch.manual_seed(seed)
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")  # without it cuBLAS has no deterministic kernels
    torch.use_deterministic_algorithms(True, warn_only=True)
    torch.backends.cudnn.benchmark = False
