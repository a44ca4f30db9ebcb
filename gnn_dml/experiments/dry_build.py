"""Every part of a run built once without data or pretrained weights, so that what cannot work is said before it starts.

Legend: P classes and K images of each in a batch, D channels, C classes.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import nn
from torch_geometric.transforms import Compose

from gnn_dml.errors import UserError
from gnn_dml.experiments.build import build, build_learner, build_losses
from gnn_dml.experiments.start_from import fit_start, read_start
from gnn_dml.graphs import describe, for_test, gives_weights, probe, uses_labels, within
from gnn_dml.graphs.probe import said, untouched_random_state
from gnn_dml.models.fit import shapes_of
from gnn_dml.models.outline import outline

if TYPE_CHECKING:
    from collections.abc import Iterator

    from torch_geometric.transforms import BaseTransform

    from gnn_dml.training.learner import Learner

Config = Mapping[str, Any]

CHANNELS = 16
"""D of the features that a topology is tried on; a small one, for no rule depends on it."""


class DryBuild:
    """Tries the parts of configurations; a part that was tried with the same settings is not tried again."""

    def __init__(self) -> None:
        self._done: set[str] = set()

    def __call__(self, config: Config) -> None:
        """Build every part of a run on the device that holds no numbers, and each graph once on random features.

        No file is read but the one of `start_from`, pretrained weights are left out, and no random state of the program
        is moved.

        Raises:
            UserError: What the class says that refuses, after the setting that it comes from.
        """
        config = {**config, "backbone": without_weights(config["backbone"])}
        protocol = config["protocol"]
        sizes = {name: protocol[name] for name in ("classes_per_batch", "images_per_class")}
        model = {name: config.get(name) for name in ("backbone", "graph", "layer", "refiner", "drop_edge", "loss")}
        with untouched_random_state():
            self._once("model", [model, sizes, protocol["neighbours"]], lambda: _try_model(config))
            if (start := config.get("start_from")) is not None:
                self._once("model", [start, model], lambda: _try_start(config, Path(str(start))))
            self._once("optimizer", config["optimizer"]["factory"], lambda: _try_optimizer(config))
            self._once("sampler", [config["sampler"], sizes], lambda: _try_sampler(config, sizes))
            transform = config["dataset"]["transform"]
            self._once("dataset.transform", transform, lambda: build(transform))

    def _once(self, place: str, settings: Any, attempt: Callable[[], object]) -> None:
        key = json.dumps([place, settings], sort_keys=True, default=str)
        if key not in self._done:
            with named(place):
                attempt()
            self._done.add(key)


def dry_build(config: Config) -> None:
    """The same for one configuration; see `DryBuild`.

    Raises:
        UserError: What the class says that refuses, after the setting that it comes from.
    """
    DryBuild()(config)


def without_weights(backbone: Config) -> dict[str, Any]:
    """A backbone that needs no download and no file."""
    return {**backbone, "weights": None} if "weights" in backbone else dict(backbone)


@contextmanager
def named(place: str) -> Iterator[None]:
    """Put the place in front of what cannot work; an error that nobody raised on purpose becomes a sentence too."""
    try:
        yield
    except Exception as error:
        message = str(error) if isinstance(error, UserError) else said(error)
        if isinstance(error, UserError) and place == "model":
            raise
        raise UserError(f"{place}: {message}") from error


def _try_model(config: Config) -> None:
    """Topology, learner and loss terms."""
    graph = f"graph={config['choices']['graph']}"
    topology: BaseTransform | None = None
    if config["graph"].get("_target_") is not None:
        with named(graph):
            topology = build(config["graph"])
            _try_topology(topology, config["protocol"])
    if config["layer"].get("_target_") is not None and topology is not None:
        with named(f"layer={config['choices']['layer']}"):
            build(config["layer"])
    classes = 2 * config["protocol"]["classes_per_batch"]
    with outline():
        with named(f"backbone={config['choices']['backbone']}"):
            embedder = build(config["backbone"], num_classes=classes)
        learner = build_learner(config, classes, embedder)
    _check_weights(config, topology, learner)
    if not config["protocol"]["epochs"]:
        return
    with outline():
        build_losses(config, learner, classes)


def _try_start(config: Config, start: Path) -> None:
    """The weights that the run begins with, held against its learner."""
    weights, _ = read_start(start)
    fit_start(shapes_of(lambda: build_learner(config, 2)), weights, start)


def _try_topology(topology: BaseTransform, protocol: Config) -> None:
    """One graph of a mini-batch, and one of a test image with its neighbours."""
    labels = torch.arange(protocol["classes_per_batch"]).repeat_interleave(protocol["images_per_class"])
    probe(topology, len(labels), CHANNELS, labels)
    if not uses_labels(topology):
        try:
            nodes = max([protocol["neighbours"], *(protocol.get("choose_neighbours") or [])]) + 1
            probe(within(for_test(topology), nodes), nodes, CHANNELS, None)
        except (UserError, ValueError) as error:
            raise UserError(
                f"{error} (the graph of a test image with its protocol.neighbours={protocol['neighbours']})"
            ) from error


def _check_weights(config: Config, topology: BaseTransform | None, learner: Learner) -> None:
    """UserError where the refiner counts on edge weights and the graph has none."""
    if topology is None or learner.refiner is None or not config["refiner"].get("weighted", False):
        return
    for used in (topology, for_test(Compose([topology]))):
        if not gives_weights(used):
            raise UserError(f"refiner.weighted=true needs a graph with edge weights, and {describe(used)} has none")


def _try_optimizer(config: Config) -> None:
    parameter = nn.Parameter(torch.zeros(1))
    build(config["optimizer"]["factory"])([{"params": [parameter], "lr": config["optimizer"]["lr"]}])


def _try_sampler(config: Config, sizes: Mapping[str, int]) -> None:
    classes = max(2 * sizes["classes_per_batch"], 1000)  # how many there are is not known here
    labels = torch.arange(classes).repeat_interleave(sizes["images_per_class"])
    build(config["sampler"], labels=labels, seed=config["seed"], **sizes)
