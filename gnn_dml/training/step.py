"""A step of training: a mini-batch becomes loss terms and an update of the weights."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Protocol

import torch
from torch import Tensor
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler

from gnn_dml.data.batch import Batch
from gnn_dml.losses import Losses
from gnn_dml.training.guard import FiniteGuard
from gnn_dml.training.learner import Learner, LearnerOutput

Observe = Callable[[LearnerOutput, Mapping[str, Tensor], Tensor], None]
"""Called with the learner's output, the terms still to be differentiated and the labels, before the weights change."""


class Step(Protocol):
    """What the trainer knows of a step.

    Attributes:
        learner: What is trained.
        losses: On what the learner puts out.
        optimizer: Over the parameters of both; its groups are named.
        schedule: Of its learning rates.
    """

    learner: Learner
    losses: Losses
    optimizer: Optimizer
    schedule: LRScheduler

    def __call__(self, batch: Batch, observe: Observe | None = None) -> dict[str, Tensor]:
        """Update the weights from a mini-batch that is on the device.

        Args:
            batch: The mini-batch, its images as the network takes them.
            observe: See `Observe`.

        Returns:
            The loss terms by name: scalars that stay on the device, detached and before their weights. Where the sum
            of all is no finite number, the weights have not changed.
        """
        ...


class PlainStep:
    """Forward, backward, update; on CUDA the host waits for nothing in it.

    Args:
        learner: What to train, on its device.
        losses: On the same device.
        optimizer: Over the parameters of both.
        schedule: Stepped once per mini-batch.
        guard: Keeps a loss that is no number from the weights; None makes the one of the learner's device.
    """

    def __init__(
        self,
        learner: Learner,
        losses: Losses,
        optimizer: Optimizer,
        schedule: LRScheduler,
        *,
        guard: FiniteGuard | None = None,
    ) -> None:
        self.learner = learner
        self.losses = losses
        self.optimizer = optimizer
        self.schedule = schedule
        device = next((weight.device for group in optimizer.param_groups for weight in group["params"]), None)
        self.guard = guard or FiniteGuard(optimizer, device or torch.device("cpu"))

    def forward(self, batch: Batch, observe: Observe | None = None) -> tuple[Tensor, dict[str, Tensor]]:
        """The loss to be differentiated, and its terms."""
        output: LearnerOutput = self.learner(batch.images, batch.labels)
        terms = self.losses(output.backbone, output.refined, batch.labels)
        if observe is not None:
            observe(output, terms, batch.labels)
        return self.losses.total(terms), terms

    def __call__(self, batch: Batch, observe: Observe | None = None) -> dict[str, Tensor]:
        """See `Step`."""
        total, terms = self.forward(batch, observe)
        if self.guard.admits(total):
            self.optimizer.zero_grad(set_to_none=True)
            total.backward()  # type: ignore[no-untyped-call]
            self.guard.step()
            self.schedule.step()
        return {name: term.detach() for name, term in terms.items()}
