"""The training loop: batches in, one report per epoch out. It writes no file and knows no configuration."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from typing import Any

import torch

from gnn_dml.data.batch import Batch
from gnn_dml.data.loader import TrainLoader
from gnn_dml.data.ranks import DrawsByPrototypes
from gnn_dml.data.transforms import Transform
from gnn_dml.training.learner import Learner
from gnn_dml.training.purity import MEASURED, measured_batches
from gnn_dml.training.random_state import random_state, restore_random_state
from gnn_dml.training.report import EpochReport, learning_rates, mean_terms
from gnn_dml.training.step import Step
from gnn_dml.training.sums import LossesRead, LossSums
from gnn_dml.training.vital_signs import VitalSigns

READ_EVERY = 10
"""Batches between two looks at the loss on a GPU; elsewhere it is looked at after every batch."""


class Diverged(RuntimeError):  # noqa: N818 - a result, not a fault
    """The loss stopped being a number; the message says when."""


class Trainer:
    """Trains a learner.

    Losses stay on the device. On a GPU they are read every `READ_EVERY` batches and at the end of the epoch; nothing
    else in the loop waits for it. A loss that is no number changes no weight from its batch on, and is an end with
    `Diverged` when it is read.

    Args:
        step: From a batch to loss terms and an update; its learner and losses are already on `device`.
        loader: The batches.
        device: Where they go.
        finish: From a batch as loaded to what the network takes; runs on the device.
        on_batch: Called after every batch with the loss last read; for progress bars.
        measured: In how many batches of an epoch, at most, the vital signs are taken.
    """

    def __init__(
        self,
        step: Step,
        loader: TrainLoader,
        device: torch.device,
        *,
        finish: Transform,
        on_batch: Callable[[float], None] | None = None,
        measured: int = MEASURED,
    ) -> None:
        self.step = step
        self.loader = loader
        self.device = device
        self.finish = finish
        self.on_batch = on_batch
        self.measured = measured
        self.finished = 0

    @property
    def learner(self) -> Learner:
        """What is trained."""
        return self.step.learner

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
        self._show_prototypes()
        if not self.learner.training:  # else parts that were frozen in eval mode stay there
            self.learner.train()
        active = self.step.losses.active(refined=self.learner.refiner is not None)
        sums, read = LossSums(list(active), self.device), None
        signs = VitalSigns(self.learner.refiner, self.step.losses)
        measured: frozenset[int] = frozenset()
        for number, batch in enumerate(self.loader.epoch(epoch), start=1):
            if number == 1:  # only now does the sampler know its epoch, and with it the number of batches
                measured = measured_batches(len(self.loader), most=self.measured)
            terms = self.step(self._on_device(batch), signs.observe if number in measured else None)
            sums.add(self.step.losses.total(terms), terms)
            if self.device.type != "cuda" or number % READ_EVERY == 1:
                read = _checked(sums.read(), epoch)
            if self.on_batch is not None:
                self.on_batch(math.nan if read is None else read.last)
        read = _checked(sums.read(), epoch)
        return EpochReport(
            epoch=epoch,
            loss=read.total / max(1, read.count),
            terms=mean_terms(self.step.losses, read.terms, read.count),
            rates=learning_rates(self.step.optimizer),
            seconds=time.perf_counter() - start,
            signs=signs.row(),
        )

    def _show_prototypes(self) -> None:
        """Give the directions of the classes to a sampler that draws by them."""
        sampler = getattr(self.loader, "sampler", None)
        prototypes = getattr(self.learner.embedder, "prototypes", None)
        if isinstance(sampler, DrawsByPrototypes) and prototypes is not None:
            sampler.show(prototypes)

    def _on_device(self, batch: Batch) -> Batch:
        images = self.finish(batch.images.to(self.device, non_blocking=True))
        return Batch(
            images.contiguous(memory_format=torch.channels_last),
            batch.labels.to(self.device, non_blocking=True),
            batch.positions.to(self.device, non_blocking=True),
        )

    def state_dict(self) -> dict[str, Any]:
        """All that training needs to go on to the bit, random state included; plain values and tensors only."""
        return {
            "learner": self.learner.state_dict(),
            "losses": self.step.losses.state_dict(),
            "optimizer": self.step.optimizer.state_dict(),
            "schedule": self.step.schedule.state_dict(),
            "finished": self.finished,
            **random_state(self.device),
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from a `state_dict`."""
        self.learner.load_state_dict(state["learner"])
        # A state from before losses could have parameters does not hold them.
        self.step.losses.load_state_dict(state.get("losses", {}))
        self.step.optimizer.load_state_dict(state["optimizer"])
        self.step.schedule.load_state_dict(state["schedule"])
        self.finished = state["finished"]
        restore_random_state(state, self.device)


def _checked(read: LossesRead, epoch: int) -> LossesRead:
    """The losses, if all were numbers."""
    if read.first_bad is not None:
        raise Diverged(f"the loss became {read.total} in epoch {epoch}, batch {read.first_bad}")
    return read
