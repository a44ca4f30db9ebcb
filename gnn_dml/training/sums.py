"""The losses of an epoch, summed where they are and read seldom."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class LossesRead:
    """What `LossSums` held when it was read.

    Attributes:
        count: Mini-batches so far.
        total: Sum of their losses.
        terms: Sum of each term.
        last: The loss of the last one.
        first_bad: Number of the first mini-batch whose loss was no finite number, from 1; None if all were.
    """

    count: int
    total: float
    terms: dict[str, float]
    last: float
    first_bad: int | None


class LossSums:
    """Sums the loss and its terms over mini-batches on the device; only `read` waits for it.

    Sums are in float64 where the device has it, so on a CPU they are those of Python floats, to the bit.

    Args:
        names: Of the terms.
        device: Where the losses are.
    """

    def __init__(self, names: Sequence[str], device: torch.device) -> None:
        self.names = tuple(names)
        dtype = torch.float32 if device.type == "mps" else torch.float64
        # The last entry counts the mini-batches before the first whose loss was no finite number.
        self.sums = torch.zeros(2 + len(self.names), dtype=dtype, device=device)
        self.last = torch.zeros((), device=device)
        self.count = 0

    @torch.no_grad()
    def add(self, total: Tensor, terms: Mapping[str, Tensor]) -> None:
        """Add a mini-batch: scalars on the device, a term for each name."""
        found = torch.stack([total, *(terms[name] for name in self.names)]).to(self.sums.dtype)
        whole = self.sums[0] + found[0]
        # Once a sum is not finite it stays so.
        self.sums += torch.cat([found, torch.isfinite(whole).to(self.sums.dtype)[None]])
        self.last = total.detach()
        self.count += 1

    def read(self) -> LossesRead:
        """What was summed, as numbers."""
        whole, *parts, finite = self.sums.tolist()
        terms = dict(zip(self.names, parts, strict=True))
        bad = None if finite == self.count else int(finite) + 1
        return LossesRead(self.count, whole, terms, float(self.last), bad)
