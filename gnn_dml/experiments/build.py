"""From a resolved configuration to objects: the one place where configuration meets classes."""

from __future__ import annotations

import inspect
from collections.abc import Collection, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from hydra.errors import InstantiationException
from hydra.utils import get_object, instantiate
from omegaconf.errors import OmegaConfBaseException
from torch_geometric.transforms import BaseTransform, Compose

from gnn_dml.data.found import Found
from gnn_dml.data.images import BOTH, SPLITS, ImageDataset, ImageSplit, join
from gnn_dml.data.loader import TrainImages, TrainLoader
from gnn_dml.data.open_images import open_images
from gnn_dml.data.transforms import Transforms
from gnn_dml.data.validation import hold_out_classes
from gnn_dml.errors import UserError
from gnn_dml.evaluation.neighbourhoods import NEIGHBOURHOODS, Neighbourhoods, ReciprocalNeighbourhoods
from gnn_dml.graphs import DropEdge
from gnn_dml.losses import Losses
from gnn_dml.models import Refiner
from gnn_dml.training.learner import Learner
from gnn_dml.training.optim import build_optimizer, build_schedule
from gnn_dml.training.step import PlainStep
from gnn_dml.training.trainer import Trainer

Config = Mapping[str, Any]


@dataclass(frozen=True)
class RunSplits:
    """The splits of a run and how their images are seen.

    Attributes:
        train: To train on.
        select: To choose the epoch on; None where the last one is taken.
        test: To test on, once; None where nothing is tested.
        transforms: How images are seen.
        skipped: Images of the data set that could not be read and were left out.
        found: How the reader found them, and what it passed over.
    """

    train: ImageSplit
    select: ImageSplit | None
    test: ImageSplit | None
    transforms: Transforms
    skipped: int = 0
    found: Found = field(default_factory=Found)


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


def read_source(
    config: Config, *, need: Collection[str] = BOTH, labelled: bool = True, hold_out: bool = True
) -> ImageDataset:
    """The data set with its validation classes, as it is listed: no image is opened.

    Args:
        config: Resolved.
        need: Splits that have to be there: some of "train", "val", "test". A reader that can leaves the others out.
        labelled: Whether images without labels are refused.
        hold_out: False leaves the training half as the data set has it.

    Raises:
        UserError: If the data set cannot be read or lacks a split that is needed.
    """
    protocol = config["protocol"]
    source = read_dataset(config["dataset"]["source"], need=need, labelled=labelled)
    if hold_out and {"train", "val"} & set(need):
        # Settings that the configuration inside an older checkpoint has not are left at their defaults.
        held_out = {"share": "val_share", "least": "val_least", "seed": "val_seed", "folds": "folds", "fold": "fold"}
        source = hold_out_classes(source, **{name: protocol[key] for name, key in held_out.items() if key in protocol})
    return source


def build_source(
    config: Config, *, need: Collection[str] = BOTH, labelled: bool = True, hold_out: bool = True
) -> tuple[ImageDataset, Transforms, int]:
    """The data set, how its images are seen, and how many were unreadable and left out.

    Arguments and errors as in `read_source`.
    """
    dataset = config["dataset"]
    transforms: Transforms = build(dataset["transform"])
    source = read_source(config, need=need, labelled=labelled, hold_out=hold_out)
    cache = dataset.get("cache")
    opened = open_images(
        source,
        policy=dataset.get("unreadable", "error"),
        cache=None if cache is None else Path(cache),
        cache_side=dataset.get("cache_side", 256),
        workers=config["workers"],
        orientation=dataset.get("orientation", "exif"),
    )
    return opened.dataset, transforms, opened.skipped


def read_dataset(reader: Config, *, need: Collection[str] = BOTH, labelled: bool = True) -> ImageDataset:
    """Call the reader of a data set with `need` and `labelled`, as far as it takes them; see `build_source`."""
    given = {"need": tuple(need), "labelled": labelled}
    taken: Collection[str] = ()
    with suppress(UserError, ValueError, TypeError):  # of what cannot be called, `build` says what is wrong
        taken = inspect.signature(locate(str(reader.get("_target_")))).parameters
    source: ImageDataset = build(reader, **{name: value for name, value in given.items() if name in taken})
    return source


def build_data(config: Config) -> RunSplits:
    """Read the data set and cut it as the protocol says."""
    protocol = config["protocol"]
    select, test = protocol["select_on"], protocol.get("test_on", "test")
    names = [name for name in SPLITS if name in {*protocol["train_on"], select, test}]
    source, transforms, skipped = build_source(config, need=names)
    splits = {name: source.split(name) for name in names}
    return RunSplits(
        train=join([splits[name] for name in protocol["train_on"]]),
        select=splits.get(select),
        test=splits.get(test),
        transforms=transforms,
        skipped=skipped,
        found=source.found,
    )


def build_learner(config: Config, num_classes: int, embedder: Any = None) -> Learner:
    """The embedder, and where the configuration has a graph, the topology and the refiner.

    Args:
        config: Resolved.
        num_classes: Of the classifiers.
        embedder: One that was built of `config["backbone"]` before; None builds it.

    Raises:
        UserError: What a class says that refuses.
    """
    embedder = build(config["backbone"], num_classes=num_classes) if embedder is None else embedder
    if config["graph"].get("_target_") is None:
        return Learner(embedder)
    topology: BaseTransform = build(config["graph"])
    # The configuration inside an older checkpoint has no drop_edge.
    if share := config.get("drop_edge"):
        topology = Compose([topology, DropEdge(share)])
    refiner: Refiner = build(config["refiner"], dim=embedder.dim, num_classes=num_classes, layer=build(config["layer"]))
    try:
        return Learner(embedder, refiner, topology, shared_classifier=bool(config.get("shared_classifier")))
    except ValueError as error:
        raise UserError(f"shared_classifier=true: {error}") from error


def build_neighbourhoods(protocol: Config) -> Neighbourhoods:
    """Which images make the graph of each test image, as a protocol says."""
    # The configuration inside an older checkpoint has no neighbourhood.
    name = protocol.get("neighbourhood", "nearest")
    if name not in NEIGHBOURHOODS:
        raise UserError(f"protocol.neighbourhood must be one of {', '.join(NEIGHBOURHOODS)}, not {name!r}")
    if name == "reciprocal":  # the configuration inside an older checkpoint has no k1
        return ReciprocalNeighbourhoods(protocol["neighbours"], protocol.get("k1", 30))
    return NEIGHBOURHOODS[name](protocol["neighbours"])


def build_losses(config: Config, learner: Learner, num_classes: int) -> Losses:
    """The terms of the loss; those of embeddings know the classes, and the channels of their branch.

    Raises:
        UserError: Naming the term that cannot be built.
    """
    terms = {}
    for name, settings in config["loss"]["terms"].items():
        if settings is None:
            continue
        try:
            terms[name] = build(settings, **_sizes_for(settings, learner, num_classes))
        except UserError as error:
            raise UserError(f"loss.terms.{name}: {error}") from error
    try:
        return Losses(terms)
    except (TypeError, ValueError) as error:
        raise UserError(f"loss={config['choices']['loss']}: {error}") from error


def _sizes_for(settings: Config, learner: Learner, num_classes: int) -> dict[str, int]:
    """`num_classes` and `dim`, as far as a term's constructor takes them and the settings do not say them."""
    taken = inspect.signature(locate(settings["_target_"])).parameters
    refined = settings.get("branch") == "refined" and learner.refiner is not None
    dim: Any = learner.refiner.out_dim if refined and learner.refiner is not None else learner.embedder.dim
    known = {"num_classes": num_classes, "dim": int(dim)}
    return {name: value for name, value in known.items() if name in taken and settings.get(name) is None}


def locate(target: str) -> Any:
    """The class or function of a dotted name.

    Raises:
        UserError: If there is none.
    """
    try:
        return get_object(target)
    except Exception as error:  # whatever importing it raises
        raise UserError(f"_target_={target} cannot be found: {_first_line(error)}") from error


def _build_sampler(config: Config, data: RunSplits) -> Any:
    """The sampler of a run.

    Raises:
        UserError: What the sampler refuses, and where there are too few classes, how many more choose the epoch.
    """
    protocol = config["protocol"]
    wanted = {name: protocol[name] for name in ("classes_per_batch", "images_per_class")}
    try:
        return build(config["sampler"], labels=data.train.labels, seed=config["seed"], **wanted)
    except UserError as error:
        held = 0 if data.select is None or protocol["select_on"] != "val" else data.select.num_classes
        if not held or wanted["classes_per_batch"] <= data.train.num_classes:
            raise
        raise UserError(
            f"{error} to train on; {held} more are held out to choose the epoch (protocol.val_share, at least "
            "protocol.val_least, unless the data name them): take fewer a batch, or protocol.val_least=1, or "
            "protocol.select_on=none protocol.train_on=[train,val]"
        ) from error


def build_trainer(config: Config, learner: Learner, data: RunSplits, device: torch.device) -> Trainer:
    """Everything around the learner that training needs."""
    protocol, optim = config["protocol"], config["optimizer"]
    loader = TrainLoader(
        # The configuration inside an older checkpoint has no augmentation_seed.
        TrainImages(
            data.train,
            data.transforms.train,
            seed=config["seed"],
            seed_by=config.get("augmentation_seed", "batch"),
        ),
        _build_sampler(config, data),
        workers=config["workers"],
        pin_memory=device.type == "cuda",
    )
    losses = build_losses(config, learner, data.train.num_classes).to(device)
    optimizer = build_optimizer(
        learner,
        build(optim["factory"]),
        lr=optim["lr"],
        refiner_rate=optim["refiner_rate"],
        weight_decay=optim["weight_decay"],
        losses=losses,
        # Optimisers of the user's own may lack these two.
        decayed=optim.get("decayed", "matrices"),
    )
    schedule = build_schedule(
        optim["schedule"],
        optimizer,
        steps=loader.steps(protocol["epochs"]),
        warmup=optim["warmup"],
        drop_after=loader.steps(optim.get("drop_epoch", 31) - 1),
    )
    step = PlainStep(learner, losses, optimizer, schedule)
    return Trainer(step, loader, device, finish=data.transforms.finish)
