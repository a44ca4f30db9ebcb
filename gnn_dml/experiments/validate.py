"""What the selecting split decides: the epoch, the number of neighbours of a test image, the expansion."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import torch

from gnn_dml.data.images import ImageSplit
from gnn_dml.evaluation.choose import CHOSEN_BY, NeighbourChoice, choose_neighbours
from gnn_dml.evaluation.embed import Embeddings, embed
from gnn_dml.evaluation.expand import CLOSED, ExpansionOptions, choose_expansion
from gnn_dml.evaluation.score import score
from gnn_dml.experiments.build import Config, RunSplits, build_neighbourhoods
from gnn_dml.training.learner import Learner
from gnn_dml.training.mode import eval_mode
from gnn_dml.training.trainer import Diverged

NEIGHBOURS = "test_neighbours"
"""Of a row per epoch: how many neighbours it chose for the graph of a test image."""


def validate(config: Config, learner: Learner, data: RunSplits, device: torch.device) -> dict[str, float | None]:
    """The selection metrics of an epoch, with the number of neighbours under which they are best.

    There are none where nothing is to be selected.

    Args:
        config: Of the run.
        learner: On the device.
        data: Of the run.
        device: Of the learner.

    Raises:
        Diverged: If the weights give no numbers any more.
    """
    protocol = config["protocol"]
    if data.select is None:
        return _train_recall(config, learner, data, device)
    candidates = protocol["choose_neighbours"] if learner.has_refiner else None
    found = _embed(config, learner, data.select, data, device, refine=not candidates)
    chosen: dict[str, float | None] = {}
    if candidates and found.finite:
        choice = _choose(config, learner, found.backbone, data.select, device)
        found = replace(found, refined=choice.refined)
        chosen = {NEIGHBOURS: choice.neighbours}
    _check(found, "selection")
    measured = score(found, data.select, ks=protocol["ks"])
    named = {f"{protocol['select_on']}_{name}": value for name, value in measured.items()}
    return {**chosen, **named, **_train_recall(config, learner, data, device)}


def with_choice_of(config: Config, rows: Sequence[Mapping[str, Any]], epoch: int) -> dict[str, Any]:
    """The settings, with the number of neighbours that an epoch chose, if it chose one."""
    chosen = next((row.get(NEIGHBOURS) for row in rows if row["epoch"] == epoch), None)
    if chosen is None:
        return dict(config)
    return {**config, "protocol": {**config["protocol"], "neighbours": int(chosen)}}


def best_expansion(config: Config, learner: Learner, data: RunSplits, device: torch.device) -> ExpansionOptions | None:
    """How the backbone's embedding is expanded, as is best on the selecting split; None where there is no such split.

    Raises:
        Diverged: If the weights give no numbers.
    """
    if data.select is None:
        return None
    found = _embed(config, learner.to(device), data.select, data, device, refine=False)
    _check(found, "selection")
    try:
        return choose_expansion(found.backbone, data.select.labels, data.select.query, by=CHOSEN_BY).options
    except ValueError:  # no image has another of its class to find, or one has no direction
        return CLOSED


def _train_recall(config: Config, learner: Learner, data: RunSplits, device: torch.device) -> dict[str, float | None]:
    """Retrieval among the training images as they are seen at test time, if it was asked for."""
    protocol = config["protocol"]
    if not protocol["train_recall"]:
        return {}
    found = _embed(config, learner, data.train, data, device, refine=False)
    _check(found, "training")
    measured = score(found, data.train, ks=protocol["ks"])
    return {f"train_{name}": value for name, value in measured.items() if name.startswith("backbone_")}


def _embed(
    config: Config, learner: Learner, split: ImageSplit, data: RunSplits, device: torch.device, *, refine: bool
) -> Embeddings:
    return embed(
        learner,
        split,
        data.transforms,
        device,
        neighbourhoods=build_neighbourhoods(config["protocol"]),
        workers=config["workers"],
        refine=refine,
        refine_gallery=config["protocol"]["refine_gallery"],
    )


def _choose(
    config: Config, learner: Learner, features: torch.Tensor, select: ImageSplit, device: torch.device
) -> NeighbourChoice:
    """How many neighbours make the graph of a test image."""
    protocol, candidates = config["protocol"], config["protocol"]["choose_neighbours"]
    assert learner.refiner is not None
    assert learner.test_topology is not None
    with eval_mode(learner):
        return choose_neighbours(
            learner.refiner,
            learner.test_topology,
            features.to(device),
            select.labels,
            select.query,
            neighbourhoods=build_neighbourhoods({**protocol, "neighbours": max(candidates)}),
            candidates=candidates,
            refine_gallery=protocol["refine_gallery"],
        )


def _check(found: Embeddings, which: str) -> None:
    if not found.finite:
        raise Diverged(f"the embeddings of the {which} images hold NaN or infinity")
