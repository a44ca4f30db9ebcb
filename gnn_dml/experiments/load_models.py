"""From names of runs or files of published weights to learners, under settings for their test.

torch is loaded late: whatever is wrong with a name or a setting is said before that.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING

from gnn_dml.config.compose import resolve
from gnn_dml.config.dataset import own_transform
from gnn_dml.config.names import open_config_dirs
from gnn_dml.config.test_time import overlay, read_settings
from gnn_dml.config.transfer import normalization_settings
from gnn_dml.errors import UserError
from gnn_dml.experiments.choose_recipe import resolve_recipe
from gnn_dml.text import exists, typed_path

if TYPE_CHECKING:
    import torch

    from gnn_dml.experiments.trained import Trained, Weights

Name = str | PathLike[str]
PACKAGED = "packaged"
"""In the place of a run: the weights of a package, as `backbone.weights=packaged` has them."""

NORMALIZE = "dataset.transform.normalize"
HEADS = "layer.num_heads"
CARS_TEST_HEADS = 4
"""Of the published Cars196 weights for message passing at test time, by their configuration: one layer of 4 heads.

Cars196 is trained with two layers of 8, and no shape tells the heads."""


def load_models(
    runs: Name | Sequence[Name],
    *,
    settings: Sequence[str] = (),
    last: bool = False,
    dataset: str | None = None,
    refiners: Sequence[Name] = (),
    trust: Sequence[str] = (),
    config_dirs: Sequence[Name] = (),
) -> list[Trained]:
    """The learner of each run or file of weights.

    Args:
        runs: One or more: run folders, checkpoint files of runs, files of published weights, or the word "packaged":
            the ImageNet weights that EfficientNet-Lite0 comes with, nothing trained.
        settings: Over those of the runs, as typed: `graph=knn`, `dataset.root=FOLDER`, `protocol.neighbours=6`.
        last: Take the last epoch of a run instead of the chosen one.
        dataset: As the setting `dataset=NAME`.
        refiners: Published weights of the message passing, one for each of the published CNNs; or none.
        trust: Packages, beside this one, whose classes the files may name.
        config_dirs: Folders with YAMLs and classes of the user's own, which the files may name too.

    Raises:
        UserError: If something is missing, unreadable, or does not fit.
    """
    names = [str(typed_path(run)) for run in ([runs] if isinstance(runs, (str, PathLike)) else runs)]
    if not names:
        raise UserError("which run? name a run folder runs/<study>/<run-id>, or a file of weights")
    if dataset is not None:
        settings = [f"dataset={dataset}", *settings]
    dirs = open_config_dirs([str(folder) for folder in config_dirs])
    keys = [setting.name for setting in read_settings(settings, dirs)]
    paths = [None if _is_packaged(run) else _weights_file(run, last=last) for run in names]
    files = [typed_path(file) for file in refiners]
    for file in files:
        if not file.is_file():
            raise UserError(f"--refiner {file}: there is no such file")
    from gnn_dml.experiments.trained import from_run, read_model
    from gnn_dml.official import read_weights

    models = [None if path is None else read_model(path, trust=trust, config_dirs=dirs) for path in paths]
    published = sum(isinstance(model, Mapping) for model in models)
    if files and len(files) != published:
        raise UserError(
            f"--refiner goes with published weights of a CNN, once for each: {published} of {len(names)} named files "
            f"are such weights, and it was given {len(files)} times"
        )
    loaded = []
    for run, model in zip(names, models, strict=True):
        if model is None:
            loaded.append(_load_packaged(run, settings, keys, dirs))
        elif isinstance(model, Mapping):
            loaded.append(_load_published(run, model, settings, keys, read_weights(files.pop(0)) if files else None))
        else:
            test_graph = any(key.split(".")[0] == "graph" for key in keys)
            config = overlay({**model.config, "device": "auto"}, settings, dirs)
            own = own_transform(str(config["choices"]["dataset"]), dirs) if "dataset" in keys else None
            loaded.append(from_run(run, model, config, test_graph=test_graph, own_transform=own))
    return loaded


def choose_device(models: Sequence[Trained], device: str | None = None) -> torch.device:
    """Where to compute: on the named device, or as a setting says, or automatically."""
    from gnn_dml.training.device import pick_device

    return pick_device(device or str(models[0].config["device"]))


def _is_packaged(run: str) -> bool:
    return run == PACKAGED and not Path(run).exists()


def _load_packaged(name: str, settings: Sequence[str], keys: Sequence[str], config_dirs: Sequence[Path]) -> Trained:
    """The packaged weights under the recipe `frozen`, but for what is typed."""
    from gnn_dml.experiments.trained import from_packaged

    if "dataset" not in keys:
        raise UserError(f"{name} names weights without images; add for instance dataset=folder dataset.root=FOLDER")
    return from_packaged(name, resolve_recipe("frozen", settings, config_dirs))


def _weights_file(run: str, *, last: bool) -> Path:
    path = typed_path(run)
    if not exists(path):
        raise UserError(f"there is no run or checkpoint {run}; runs are folders like runs/<study>/<run-id>")
    if last and not path.is_dir():
        raise UserError(f"--last goes with a run folder, and {path} is a file: name its last.pt instead")
    return path / "last.pt" if last else path


def _load_published(
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
        config["dataset"]["transform"] = {**transform, **normalization_settings(transform, "published")}
    if (
        HEADS not in keys
        and refiner is not None
        and config["choices"]["dataset"] == "cars196"
        and _layers(refiner) == 1
    ):
        config["layer"] = {**config["layer"], "num_heads": CARS_TEST_HEADS}
    return from_published(name, weights, config, refiner)


def _layers(refiner: Weights) -> int:
    """The message-passing layers of published weights."""
    return sum(name.endswith(".att.q_linear.weight") for name in refiner)
