"""The weights of an earlier run as those that a run begins with; of its file nothing else is used."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from torch import Tensor

from gnn_dml.config.identity import checkpoint_file
from gnn_dml.errors import UserError
from gnn_dml.experiments.build import Config
from gnn_dml.experiments.checkpoint import is_checkpoint
from gnn_dml.experiments.finished import check_weights
from gnn_dml.models.fit import misfit
from gnn_dml.models.weights_file import check_finite, check_tensors, open_file
from gnn_dml.training.learner import Learner

Shapes = Mapping[str, tuple[int, ...]]

_REFINER = "refiner."
_CLASSES = ("content", "train_on", "val_share", "val_least", "val_seed", "folds", "fold")
"""Settings that decide, with the data, which classes a classifier knows."""


def read_start(start: Path) -> tuple[dict[str, Tensor], Config]:
    """The weights by name, and the configuration beside them, of which nothing may be built.

    Args:
        start: A run folder, for its chosen epoch, or a checkpoint file.

    Raises:
        UserError: If there is no such file, it is no checkpoint, it has changed since its run ended, or a weight is no
            finite number.
    """
    file = checkpoint_file(start)
    if not file.is_file():
        raise UserError(f"start_from must be null, a run folder or a checkpoint, and there is none at {start}")
    if start.is_dir():
        check_weights(start, file.name)
    try:
        held = open_file(file, mapped=True)
    except UserError:
        raise
    except Exception as error:  # of many types
        raise UserError(f"start_from: {file} is not a checkpoint of this package ({type(error).__name__})") from error
    weights = held["weights"] if is_checkpoint(held) else None
    if not isinstance(weights, dict) or not all(
        isinstance(name, str) and isinstance(value, Tensor) for name, value in weights.items()
    ):
        raise UserError(
            f"start_from: {file} is not a checkpoint of this package; published weights of a backbone are "
            "given as backbone.weights=FILE"
        )
    check_tensors(file, weights)
    check_finite(file, weights)
    return weights, held["config"] if isinstance(held["config"], Mapping) else {}


def fit_start(shapes: Shapes, weights: Mapping[str, Tensor], start: Path) -> None:
    """Hold weights against a learner, by name and shape.

    Classifiers may differ, for they are of other classes. A refiner may be on one side alone.

    Raises:
        UserError: If anything else is missing, unknown or of another shape.
    """
    both = any(name.startswith(_REFINER) for name in shapes) and any(name.startswith(_REFINER) for name in weights)
    wanted = {name: shape for name, shape in shapes.items() if _must_fit(name, both)}
    given = {name: tensor for name, tensor in weights.items() if _must_fit(name, both)}
    if fault := misfit(wanted, given):
        raise UserError(f"start_from={start} does not fit the settings of this run: {fault}")


def load_start(learner: Learner, config: Config) -> str:
    """Give a learner the weights that `start_from` names.

    Args:
        learner: Of the run; what is not taken stays as it is.
        config: Of the run.

    Returns:
        A sentence that says what was taken and what was not.

    Raises:
        UserError: If the file cannot be used, or does not fit.
    """
    start = Path(str(config["start_from"]))
    weights, theirs = read_start(start)
    own = learner.state_dict()
    shapes = {name: tuple(tensor.shape) for name, tensor in own.items()}
    fit_start(shapes, weights, start)
    same = _classes(config) is not None and _classes(config) == _classes(theirs)
    numbers = {name: tensor.is_floating_point() for name, tensor in own.items()}
    wrong = [name for name in weights if name in own and weights[name].is_floating_point() != numbers[name]]
    if wrong:
        raise UserError(f"start_from={start}: {wrong[0]} holds {weights[wrong[0]].dtype}, not {own[wrong[0]].dtype}")
    taken = {
        name: tensor
        for name, tensor in weights.items()
        if shapes.get(name) == tuple(tensor.shape) and (same or not _is_classifier(name))
    }
    learner.load_state_dict({**own, **taken})
    anew = [name for name in own if name not in taken]
    said = []
    if any(_is_classifier(name) for name in anew):
        said.append("classifiers")
    if any(not _is_classifier(name) for name in anew):
        said.append("the refiner")
    return f"begins with the weights of {start}" + (f"; {' and '.join(said)} begin anew" if said else "")


def without_download(config: Config) -> dict[str, Any]:
    """The configuration with a backbone that needs no weights where those of an earlier run take their place."""
    backbone = config["backbone"]
    if config.get("start_from") is None or "weights" not in backbone:
        return dict(config)
    return {**config, "backbone": {**backbone, "weights": None}}


def _must_fit(name: str, both: bool) -> bool:
    return not _is_classifier(name) and (both or not name.startswith(_REFINER))


def _is_classifier(name: str) -> bool:
    """Whether a weight depends on which classes were trained on."""
    return ".classifier." in name or name.startswith("refiner.necks.")


def _classes(config: Any) -> list[Any] | None:
    """What decides the classes; None where a configuration does not say."""
    dataset, protocol = (config.get(name) if isinstance(config, Mapping) else None for name in ("dataset", "protocol"))
    if not isinstance(dataset, Mapping) or not isinstance(protocol, Mapping) or dataset.get("content") is None:
        return None
    held: dict[str, Any] = {**protocol, "content": dataset["content"]}
    return [held.get(name) for name in _CLASSES]
