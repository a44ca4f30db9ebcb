"""The training loop: batches in, one report per epoch out. It writes no file and knows no configuration."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field
from typing import Any

import torch
from torch import Tensor
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler

from gnn_dml.data.loader import TrainLoader
from gnn_dml.data.transforms import Transform
from gnn_dml.losses import BranchLoss
from gnn_dml.training.learner import Learner, LearnerOutput
from gnn_dml.training.purity import PurityMeter


@dataclass(frozen=True)
class EpochReport:
    """One epoch of training.

    Attributes:
        epoch: Counted from 1.
        loss: Mean over the batches.
        loss_backbone: The term on the backbone branch, before its weight.
        loss_refined: The same for the refined branch; NaN without a refiner.
        rate_cnn: Learning rate after the epoch.
        rate_refiner: The same; NaN without a refiner.
        seconds: Wall-clock time of the epoch.
        purity: Share of the attention that falls on the same class, per layer and head; see `PurityMeter.row`.
    """

    epoch: int
    loss: float
    loss_backbone: float
    loss_refined: float
    rate_cnn: float
    rate_refiner: float
    seconds: float
    purity: dict[str, float] = field(default_factory=dict)

    def row(self) -> dict[str, float]:
        """The report as a table row."""
        row = asdict(self)
        purity = row.pop("purity")
        return {**row, **purity}


class Diverged(RuntimeError):  # noqa: N818 - a result, not a fault
    """The loss stopped being a number; the message says when."""


class Trainer:
    """Trains a learner.

    Args:
        learner: What to train, already on `device`.
        loss: On both branches.
        optimizer: Over the learner's parameters.
        schedule: Stepped once per batch.
        loader: The batches.
        device: Where they go.
        finish: From a batch as loaded to what the network takes; runs on the device.
        on_batch: Called after every batch with its loss; for progress bars.
    """

    def __init__(
        self,
        learner: Learner,
        loss: BranchLoss,
        optimizer: Optimizer,
        schedule: LRScheduler,
        loader: TrainLoader,
        device: torch.device,
        *,
        finish: Transform,
        on_batch: Callable[[float], None] | None = None,
    ) -> None:
        self.learner = learner
        self.loss = loss
        self.optimizer = optimizer
        self.schedule = schedule
        self.loader = loader
        self.device = device
        self.finish = finish
        self.on_batch = on_batch
        self.finished = 0

    def epochs(self, total: int) -> Iterator[EpochReport]:
        """Train up to epoch `total`, starting after those already finished, and report each.

        Raises:
            Diverged: If a loss is not finite.
        """
        while self.finished < total:
            report = self._epoch(self.finished + 1)
            self.finished += 1
            yield report

    def _epoch(self, epoch: int) -> EpochReport:
        start = time.perf_counter()
        self.learner.train()
        sums = [0.0, 0.0, 0.0]
        purity = PurityMeter()
        for batch, (images, labels, _) in enumerate(self.loader.epoch(epoch), start=1):
            terms = self._step(self._on_device(images), labels.to(self.device), purity)
            if not math.isfinite(terms[0]):
                raise Diverged(f"the loss became {terms[0]} in epoch {epoch}, batch {batch}")
            sums = [total + term for total, term in zip(sums, terms, strict=True)]
            if self.on_batch is not None:
                self.on_batch(terms[0])
        rates = {group["name"]: float(group["lr"]) for group in self.optimizer.param_groups}
        loss, backbone, refined = (total / max(1, len(self.loader)) for total in sums)
        return EpochReport(
            epoch=epoch,
            loss=loss,
            loss_backbone=backbone,
            loss_refined=refined,
            rate_cnn=rates["cnn"],
            rate_refiner=rates.get("refiner", math.nan),
            seconds=time.perf_counter() - start,
            purity=purity.row(),
        )

    def _on_device(self, images: Tensor) -> Tensor:
        return self.finish(images.to(self.device, non_blocking=True)).contiguous(memory_format=torch.channels_last)

    def _step(self, images: Tensor, labels: Tensor, purity: PurityMeter) -> tuple[float, float, float]:
        out: LearnerOutput = self.learner(images, labels)
        terms = self.loss(out.backbone, out.refined, labels)
        if self.learner.refiner is not None and out.edges is not None:
            purity.update(self.learner.refiner, out.backbone.features.detach(), out.edges, labels)
        self.optimizer.zero_grad(set_to_none=True)
        terms.total.backward()
        self.optimizer.step()
        self.schedule.step()
        refined = math.nan if terms.refined is None else terms.refined.item()
        return terms.total.item(), terms.backbone.item(), refined

    def state_dict(self) -> dict[str, Any]:
        """All that training needs to go on to the bit, random state included; plain values and tensors only."""
        state = {
            "learner": self.learner.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "schedule": self.schedule.state_dict(),
            "finished": self.finished,
            "random": torch.get_rng_state(),
        }
        if self.device.type == "cuda":
            state["random_cuda"] = torch.cuda.get_rng_state(self.device)
        return state

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from a `state_dict`."""
        self.learner.load_state_dict(state["learner"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.schedule.load_state_dict(state["schedule"])
        self.finished = state["finished"]
        torch.set_rng_state(state["random"].cpu())
        if self.device.type == "cuda" and "random_cuda" in state:
            torch.cuda.set_rng_state(state["random_cuda"].cpu(), self.device)
