"""From a resolved configuration to objects: the one place where configuration meets classes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from hydra.errors import InstantiationException
from hydra.utils import instantiate
from omegaconf.errors import OmegaConfBaseException
from torch_geometric.transforms import BaseTransform, Compose

from gnn_dml.data.images import ImageDataset, ImageSplit, join
from gnn_dml.data.loader import TrainImages, TrainLoader
from gnn_dml.data.prepared import prepared
from gnn_dml.data.transforms import Transforms
from gnn_dml.data.validation import with_validation
from gnn_dml.errors import UserError
from gnn_dml.evaluation.neighbourhoods import NEIGHBOURHOODS, Neighbourhoods
from gnn_dml.graphs import DropEdge
from gnn_dml.models import Refiner
from gnn_dml.training.learner import Learner
from gnn_dml.training.optim import build_optimizer, build_schedule
from gnn_dml.training.trainer import Trainer

Config = Mapping[str, Any]


@dataclass(frozen=True)
class Data:
    """The splits of a run and how their images are seen.

    Attributes:
        train: To train on.
        select: To choose the epoch on.
        test: To test on, once.
        transforms: How images are seen.
        skipped: Images of the data set that could not be read and were left out.
    """

    train: ImageSplit
    select: ImageSplit
    test: ImageSplit
    transforms: Transforms
    skipped: int = 0


def build(config: Config, **extra: Any) -> Any:
    """Instantiate `config["_target_"]`; what its constructor refuses becomes a UserError that names the class.

    Calls whatever is named there: of a configuration that comes from a file, `gnn_dml.config.targets.check_targets` has
    to be asked first.

    Raises:
        UserError: If there is no such class, or it refuses these arguments.
    """
    target = config.get("_target_")
    if not isinstance(target, str):
        raise UserError(
            f"a part of the configuration has no _target_, which names its class; it has {', '.join(config)}"
        )
    try:
        return instantiate(dict(config), **extra)
    except OmegaConfBaseException as error:
        raise UserError(f"_target_={target} cannot be built: {_first_line(error)}") from error
    except InstantiationException as error:
        cause = error.__cause__
        if isinstance(cause, UserError):
            raise cause from error
        if isinstance(cause, (ValueError, TypeError)):
            raise UserError(f"{target.rpartition('.')[2]}: {cause}") from error
        if cause is None or isinstance(cause, ImportError):
            raise UserError(f"_target_={target} cannot be built: {_first_line(error)}") from error
        raise


def _first_line(error: Exception) -> str:
    return next(iter(str(error).splitlines()), type(error).__name__)


def build_source(config: Config) -> tuple[ImageDataset, Transforms, int]:
    """The data set with its validation classes, how its images are seen, and how many were unreadable and left out."""
    dataset, protocol = config["dataset"], config["protocol"]
    transforms: Transforms = build(dataset["transform"])
    source: ImageDataset = build(dataset["source"])
    # Settings that the configuration inside an older checkpoint has not are left at their defaults.
    held_out = {"share": "val_share", "seed": "val_seed", "folds": "folds", "fold": "fold"}
    source = with_validation(source, **{name: protocol[key] for name, key in held_out.items() if key in protocol})
    cache = dataset.get("cache")
    ready = prepared(
        source,
        policy=dataset.get("unreadable", "error"),
        cache=None if cache is None else Path(cache),
        cache_side=dataset.get("cache_side", 256),
        workers=config["workers"],
    )
    return ready.dataset, transforms, ready.skipped


def build_data(config: Config) -> Data:
    """Read the data set and cut it as the protocol says."""
    protocol = config["protocol"]
    source, transforms, skipped = build_source(config)
    splits = {name: source.split(name) for name in {*protocol["train_on"], protocol["select_on"], "test"}}
    return Data(
        train=join([splits[name] for name in protocol["train_on"]]),
        select=splits[protocol["select_on"]],
        test=splits["test"],
        transforms=transforms,
        skipped=skipped,
    )


def build_learner(config: Config, num_classes: int) -> Learner:
    """The embedder, and where the configuration has a graph, the topology and the refiner."""
    embedder = build(config["backbone"], num_classes=num_classes)
    if config["graph"].get("_target_") is None:
        return Learner(embedder)
    topology: BaseTransform = build(config["graph"])
    # The configuration inside an older checkpoint has no drop_edge.
    if share := config.get("drop_edge"):
        topology = Compose([topology, DropEdge(share)])
    refiner: Refiner = build(config["refiner"], dim=embedder.dim, num_classes=num_classes, layer=build(config["layer"]))
    return Learner(embedder, refiner, topology)


def build_neighbourhoods(protocol: Config) -> Neighbourhoods:
    """Which images make the graph of each test image, as a protocol says."""
    # The configuration inside an older checkpoint has no neighbourhood.
    name = protocol.get("neighbourhood", "nearest")
    if name not in NEIGHBOURHOODS:
        raise UserError(f"protocol.neighbourhood must be one of {', '.join(NEIGHBOURHOODS)}, not {name!r}")
    return NEIGHBOURHOODS[name](protocol["neighbours"])


def build_trainer(config: Config, learner: Learner, data: Data, device: torch.device) -> Trainer:
    """Everything around the learner that training needs."""
    protocol, optim = config["protocol"], config["optimizer"]
    loader = TrainLoader(
        TrainImages(data.train, data.transforms.train, seed=config["seed"]),
        build(
            config["sampler"],
            labels=data.train.labels,
            classes_per_batch=protocol["classes_per_batch"],
            images_per_class=protocol["images_per_class"],
            seed=config["seed"],
        ),
        workers=config["workers"],
        pin_memory=device.type == "cuda",
    )
    optimizer = build_optimizer(
        learner,
        build(optim["factory"]),
        lr=optim["lr"],
        refiner_rate=optim["refiner_rate"],
        weight_decay=optim["weight_decay"],
    )
    schedule = build_schedule(
        optim["schedule"], optimizer, steps=loader.steps(protocol["epochs"]), warmup=optim["warmup"]
    )
    return Trainer(learner, build(config["loss"]), optimizer, schedule, loader, device, finish=data.transforms.finish)
