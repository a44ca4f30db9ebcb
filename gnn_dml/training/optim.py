"""Optimiser and schedule, with a learning rate for the CNN and one for the refiner."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import nn
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LambdaLR, LRScheduler, MultiStepLR, OneCycleLR

from gnn_dml.errors import UserError
from gnn_dml.losses import Losses
from gnn_dml.training.learner import Learner

SCHEDULES = ("one_cycle", "constant", "step", "drop")
DECAYED = ("matrices", "all")


def build_optimizer(
    learner: Learner,
    factory: Callable[[Iterable[dict[str, Any]]], Optimizer],
    *,
    lr: float,
    refiner_rate: float,
    weight_decay: float,
    losses: Losses | None = None,
    decayed: str = "matrices",
) -> Optimizer:
    """An optimiser over groups of parameters named "cnn", "refiner", and "loss_NAME" for terms that have parameters.

    Args:
        learner: What to train.
        factory: Called with the groups, for instance `torch.optim.AdamW`.
        lr: Learning rate of the CNN.
        refiner_rate: The refiner's learning rate as a multiple of `lr`.
        weight_decay: Of all groups.
        losses: Loss terms; the `rate` of each is the learning rate of its parameters as a multiple of `lr`.
        decayed: "matrices" leaves biases and norms out of the weight decay; "all" decays every parameter, as published.

    Raises:
        UserError: If `decayed` is neither.
    """
    if decayed not in DECAYED:
        raise UserError(f"optimizer.decayed must be one of {', '.join(DECAYED)}, not {decayed!r}")
    smallest = 2 if decayed == "matrices" else 0
    groups: list[dict[str, Any]] = []
    modules: list[tuple[str, nn.Module | None, float]] = [
        ("cnn", learner.embedder, lr),
        ("refiner", learner.refiner, lr * refiner_rate),
    ]
    if losses is not None:
        active = losses.active(refined=learner.refiner is not None)
        modules += [(f"loss_{name}", term, lr * term.rate) for name, term in active.items()]
    taken: set[nn.Parameter] = set()
    for name, module, rate in modules:
        parameters = [] if module is None else [p for p in module.parameters() if p.requires_grad and p not in taken]
        taken.update(parameters)  # what two modules share belongs to the first
        for decay, chosen in (
            (weight_decay, [p for p in parameters if p.dim() >= smallest]),
            (0.0, [p for p in parameters if p.dim() < smallest]),
        ):
            if chosen:
                groups.append({"params": chosen, "lr": rate, "weight_decay": decay, "name": name})
    return factory(groups)


def build_schedule(
    name: str, optimizer: Optimizer, *, steps: int, warmup: float, drop_after: int | None = None
) -> LRScheduler:
    """The schedule of a whole training run, stepped once per batch.

    Args:
        name: "one_cycle" (a linear rise, then a cosine down to almost 0), "constant", "step" (divided by 10 once, after
            3/7 of the steps), or "drop" (a tenth after `drop_after` steps: as published, from an epoch on).
        optimizer: Its groups' rates are the peaks.
        steps: Batches in the whole run.
        warmup: The share of the steps that the rise of "one_cycle" takes.
        drop_after: The steps before the fall of "drop"; None is never.

    Raises:
        UserError: If the name is unknown.
    """
    if name == "one_cycle":
        peaks = [group["lr"] for group in optimizer.param_groups]
        rise = warmup if warmup * steps > 1 else 0.0  # a rise of one step would divide by zero
        return OneCycleLR(optimizer, peaks, total_steps=max(1, steps), pct_start=rise, cycle_momentum=False)
    if name == "constant":
        return torch.optim.lr_scheduler.ConstantLR(optimizer, factor=1.0)
    if name == "step":
        return MultiStepLR(optimizer, [max(1, steps * 3 // 7)], gamma=0.1)
    if name == "drop":
        return LambdaLR(optimizer, lambda step: 1.0 if drop_after is None or step < drop_after else 0.1)
    raise UserError(f"optimizer.schedule must be one of {', '.join(SCHEDULES)}, not {name!r}")
