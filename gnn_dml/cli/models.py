"""From what stands behind `evaluate`, `embed` and `search` to learners: runs or published weights, and settings."""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gnn_dml.config.compose import resolve
from gnn_dml.config.test_time import overlay, read_settings
from gnn_dml.config.transfer import scaled
from gnn_dml.errors import UserError

if TYPE_CHECKING:
    import torch

    from gnn_dml.experiments.trained import Trained, Weights

Config = dict[str, Any]
NORMALIZE = "dataset.transform.normalize"


def parted(targets: Sequence[str]) -> tuple[list[str], list[str]]:
    """Names of files, and settings: whatever has a "=" and is no file."""
    settings = [text for text in targets if "=" in text and not Path(text).exists()]
    return [text for text in targets if text not in settings], settings


def read_members(arguments: argparse.Namespace, runs: Sequence[str], settings: Sequence[str]) -> list[Trained]:
    """The learner of each run or file of weights, under the settings.

    Args:
        arguments: Of `gnn_dml.cli.parser.models`.
        runs: As typed, one or more.
        settings: As typed.

    Raises:
        UserError: If something is missing, unreadable, or does not fit.
    """
    if arguments.dataset is not None:
        settings = [f"dataset={arguments.dataset}", *settings]
    keys = [override.key_or_group for override in read_settings(settings)]
    paths = [_weights_file(run, last=arguments.last) for run in runs]
    refiners = [Path(file) for file in arguments.refiner]
    for file in refiners:
        if not file.is_file():
            raise UserError(f"--refiner {file}: there is no such file")
    # torch is loaded here: every sentence about wrong arguments has been said by now.
    from gnn_dml.experiments.trained import from_run, read_model
    from gnn_dml.official import read_weights

    models = [read_model(path, trust=arguments.trust) for path in paths]
    published = sum(isinstance(model, Mapping) for model in models)
    if refiners and len(refiners) != published:
        raise UserError(
            f"--refiner goes with published weights of a CNN, once for each: {published} of {len(runs)} named files "
            f"are such weights, and it was given {len(refiners)} times"
        )
    members = []
    for run, model in zip(runs, models, strict=True):
        if isinstance(model, Mapping):
            refiner = read_weights(refiners.pop(0)) if refiners else None
            members.append(_published(run, model, settings, keys, refiner))
        else:
            test_graph = any(key.split(".")[0] == "graph" for key in keys)
            config = overlay({**model.config, "device": "auto"}, settings)
            members.append(from_run(run, model, config, test_graph=test_graph))
    return members


def device_of(arguments: argparse.Namespace, members: Sequence[Trained]) -> torch.device:
    """Where to compute: as --device says, or as a setting does, or automatically."""
    from gnn_dml.training.device import pick_device

    return pick_device(arguments.device or str(members[0].config["device"]))


def described(member: Trained, *, refined: bool = False) -> str:
    """A member on a line or two: which weights these are, and how they refine."""
    said = f"epoch {member.epoch}"
    if member.epoch is None:
        kind = member.config["dataset"]["transform"].get("normalize", "published")
        said = f"published weights, images with normalize={kind}"
    return f"{member.name}, {said}" + (f"\n  refined in {member.test_graph}" if refined else "")


def _weights_file(run: str, *, last: bool) -> Path:
    path = Path(run)
    if not path.exists():
        raise UserError(f"there is no run or checkpoint {path}; runs are folders like runs/<study>/<run-id>")
    if last and not path.is_dir():
        raise UserError(f"--last goes with a run folder, and {path} is a file: name its last.pt instead")
    return path / "last.pt" if last else path


def _published(
    name: str, weights: Weights, settings: Sequence[str], keys: Sequence[str], refiner: Weights | None
) -> Trained:
    """Published weights under the published settings of the data set, but for what is typed."""
    from gnn_dml.experiments.trained import from_published

    if "dataset" not in keys:
        raise UserError(
            f"{name} holds published weights, which do not say for which data set; add for instance --dataset cub"
        )
    protocol = [] if "protocol" in keys else ["protocol=paper"]
    config = resolve([*protocol, *settings])
    if NORMALIZE not in keys:
        transform = config["dataset"]["transform"]
        config["dataset"]["transform"] = {**transform, **scaled(transform, "published")}
    return from_published(name, weights, config, refiner)
