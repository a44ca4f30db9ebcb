"""Signs that the mechanism is alive: messages are passed, they are about something, and the refined branch learns.

A comparison of graphs means something only where they are there. They are taken from a few mini-batches of an epoch.

Legend: C classes, L blocks, H heads.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

import torch
from torch import Tensor

from gnn_dml.losses import CrossEntropy, Losses
from gnn_dml.metrics.attention import AttentionSpread, attention_spread
from gnn_dml.models import Refiner
from gnn_dml.training.gradients import branch_gradients
from gnn_dml.training.learner import LearnerOutput
from gnn_dml.training.look import look_inside
from gnn_dml.training.purity import PurityMeter


class VitalSigns:
    """Collects the signs of an epoch; nothing in it changes a bit of the training or waits for the device.

    Args:
        refiner: Whose signs they are; None has none.
        losses: Of the training.
        gradients: Whether to compare the gradients of both branches.
    """

    def __init__(self, refiner: Refiner | None, losses: Losses, *, gradients: bool = True) -> None:
        self.refiner = refiner
        self.losses = losses
        self.gradients = gradients
        self.purity = PurityMeter()
        self.spreads: list[list[AttentionSpread]] = []
        self.messages: list[list[Tensor]] = []
        self.values: dict[str, list[Tensor]] = {}

    def observe(self, output: LearnerOutput, terms: Mapping[str, Tensor], labels: Tensor) -> None:
        """Add the mini-batch of a step, before its backward pass.

        Args:
            output: What the learner made of it.
            terms: Of its loss, still to be differentiated.
            labels: (N,).
        """
        if self.refiner is None or output.edges is None:
            return
        x = output.backbone.features.detach()
        views = look_inside(self.refiner, x, output.edges)
        if views:
            self.purity.add(views, output.edges, labels)
            self.spreads.append([attention_spread(view.attention, view.edges, len(x)) for view in views])
            self.messages.append([view.message for view in views])
        self._add_losses(output, terms)
        raw = output.backbone.raw
        if self.gradients and raw is not None and raw.requires_grad:
            found = branch_gradients(self.losses, terms, raw)
            if found is not None:
                self._add("gradient_share", found.share)
                self._add("gradient_cosine", found.cosine)

    def _add_losses(self, output: LearnerOutput, terms: Mapping[str, Tensor]) -> None:
        """Cross-entropy of either branch over that of uniform guessing, log C, which smoothing does not change."""
        known = self.losses.named_terms()
        logits = {"backbone": output.backbone.logits}
        if output.refined is not None:
            logits["refined"] = output.refined.logits[0]
        for branch, scores in logits.items():
            found = [
                term
                for name, term in terms.items()
                if isinstance(known[name], CrossEntropy) and known[name].branch == branch
            ]
            if found and scores is not None and scores.size(-1) > 1:
                self._add(f"ce_of_guessing_{branch}", found[0].detach() / math.log(scores.size(-1)))

    def _add(self, name: str, value: Tensor) -> None:
        self.values.setdefault(name, []).append(value.detach())

    def row(self) -> dict[str, float]:
        """The signs of the epoch by name, those that could be taken; see `gnn_dml.columns.VITAL_SIGNS`.

        Purity by layer and head as `PurityMeter.row` has it; `entropy_layerN`, `logit_spread_layerN` and
        `message_layerN` by layer, mean over heads; `ce_of_guessing_BRANCH`, `gradient_share`, `gradient_cosine`.
        """
        found = self.purity.row()
        for number, spreads in enumerate(zip(*self.spreads, strict=True), start=1):
            added = AttentionSpread(*(torch.stack(column).sum(0) for column in zip(*spreads, strict=True)))
            found[f"entropy_layer{number}"] = float(added.mean_entropy.mean())
            found[f"logit_spread_layer{number}"] = float(added.mean_logits.mean())
        for number, sizes in enumerate(zip(*self.messages, strict=True), start=1):
            found[f"message_layer{number}"] = float(torch.stack(sizes).mean())
        return found | {name: float(torch.stack(values).mean()) for name, values in self.values.items()}
