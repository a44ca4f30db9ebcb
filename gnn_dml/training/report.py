"""What the trainer says of an epoch."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

from torch.optim import Optimizer

from gnn_dml.losses import Losses


@dataclass(frozen=True)
class EpochReport:
    """One epoch of training.

    Attributes:
        epoch: Counted from 1.
        loss: Mean over the batches.
        terms: The mean of each loss term by its name, before its weight; NaN for an idle one.
        rates: Learning rate after the epoch, of each group of the optimiser; NaN for "cnn" or "refiner" if it is none.
        seconds: Wall-clock time of the epoch.
        signs: That the refiner is alive; see `VitalSigns.row`.
    """

    epoch: int
    loss: float
    terms: dict[str, float]
    rates: dict[str, float]
    seconds: float
    signs: dict[str, float] = field(default_factory=dict)

    def row(self) -> dict[str, float]:
        """The report as a table row: `loss`, `loss_TERM`, `rate_GROUP`, `seconds` and the vital signs."""
        return {
            "epoch": self.epoch,
            "loss": self.loss,
            **{f"loss_{name}": value for name, value in self.terms.items()},
            **{f"rate_{name}": value for name, value in self.rates.items()},
            "seconds": self.seconds,
            **self.signs,
        }


def mean_terms(losses: Losses, sums: Mapping[str, float], count: int) -> dict[str, float]:
    """The mean of each term over `count` batches; NaN for a term that was idle."""
    return {name: sums[name] / max(1, count) if name in sums else math.nan for name in losses.named_terms()}


def learning_rates(optimizer: Optimizer) -> dict[str, float]:
    """The learning rate of each group by its name, "cnn" and "refiner" first."""
    found = {str(group["name"]): float(group["lr"]) for group in optimizer.param_groups}
    return {"cnn": math.nan, "refiner": math.nan, **found}
