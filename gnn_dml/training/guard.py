"""A loss that is no number must not reach the weights, and finding out must not wait for the device."""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.optim import Optimizer


class FiniteGuard:
    """Lets an optimiser take its step only while every loss so far was a finite number.

    On the CPU the loss is there: it is looked at, and no step is taken. On an Apple GPU too, at the price of waiting
    for it once a step. On CUDA a flag stays on the device, is set by the first loss that is no finite number and never
    cleared; the weights then stay as they are until somebody reads the losses and stops the training:

    - An optimiser of torch built with `fused=True` (`Adam`, `AdamW`, `SGD`, `Adagrad`) takes the flag as its
      `found_inf`, the way gradient scaling tells it, and skips the step on the device, its moments included.
    - Any other optimiser takes its step, and the weights from before are put back where the flag is set. That costs a
      copy of the trained weights, in memory and in time; the moments of such an optimiser are not put back.

    Args:
        optimizer: Whose steps are guarded.
        device: Where the weights are.
        on_device: Whether to keep the flag on the device; None as said above.
    """

    def __init__(self, optimizer: Optimizer, device: torch.device, *, on_device: bool | None = None) -> None:
        self.optimizer = optimizer
        self.on_device = device.type == "cuda" if on_device is None else on_device
        self.skips = bool(getattr(optimizer, "_step_supports_amp_scaling", False))  # what torch's GradScaler asks for
        self.flag = torch.zeros((), device=device) if self.on_device else None
        self.kept: list[Tensor] | None = None

    @torch.no_grad()
    def admits(self, total: Tensor) -> bool:
        """Take note of the loss of a mini-batch; False where it is known to be no finite number already."""
        if self.flag is None:
            return math.isfinite(total.item())
        self.flag = torch.maximum(self.flag, (~torch.isfinite(total.detach())).to(self.flag.dtype))
        return True

    @torch.no_grad()
    def step(self) -> None:
        """The optimiser's step, without effect on the weights where the flag is set."""
        if self.flag is None:
            self.optimizer.step()
        elif self.skips:
            self.optimizer.found_inf = self.flag  # type: ignore[attr-defined]
            self.optimizer.step()
        else:
            self._step_and_put_back(self.flag > 0)

    def _step_and_put_back(self, bad: Tensor) -> None:
        weights = [weight for group in self.optimizer.param_groups for weight in group["params"]]
        if self.kept is None:
            self.kept = [torch.empty_like(weight) for weight in weights]
        torch._foreach_copy_(self.kept, weights)
        self.optimizer.step()
        for weight, before in zip(weights, self.kept, strict=True):
            weight.copy_(torch.where(bad, before, weight))
