"""A trained learner on disk: weights, and the configuration that builds the modules they fit."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gnn_dml import __version__
from gnn_dml.errors import UserError
from gnn_dml.experiments.build import build_learner
from gnn_dml.experiments.files import load, save
from gnn_dml.training.learner import Learner


@dataclass(frozen=True)
class Checkpoint:
    """What a checkpoint file holds.

    Attributes:
        config: The resolved configuration of the run.
        epoch: After which epoch the weights were taken; 0 before training.
        num_classes: Training classes, which size the classifiers.
        weights: State dict of the learner.
    """

    config: dict[str, Any]
    epoch: int
    num_classes: int
    weights: dict[str, Any]

    def write(self, path: Path) -> None:
        """Save atomically."""
        save(path, {**vars(self), "version": __version__})

    def learner(self) -> Learner:
        """The learner with these weights, on the CPU, in eval mode."""
        # The weights are here: whatever the backbone started from is not needed again.
        backbone = {**self.config["backbone"]}
        if "weights" in backbone:
            backbone["weights"] = None
        learner = build_learner({**self.config, "backbone": backbone}, self.num_classes)
        learner.load_state_dict(self.weights)
        return learner.eval()


def snapshot(config: Mapping[str, Any], learner: Learner, epoch: int, num_classes: int) -> Checkpoint:
    """The learner as it is now; the weights are copied, so training may go on."""
    weights = {name: tensor.detach().cpu().clone() for name, tensor in learner.state_dict().items()}
    return Checkpoint(dict(config), epoch, num_classes, weights)


def read_checkpoint(path: Path) -> Checkpoint:
    """Read a checkpoint file, or the best one of a run folder.

    Raises:
        UserError: If there is none, or the file is not one of ours.
    """
    file = path / "best.pt" if path.is_dir() else path
    if not file.is_file():
        raise UserError(
            f"no checkpoint at {file}; give the folder of a finished run, runs/<study>/<run-id>, or a .pt file"
        )
    try:
        state = load(file)
        return Checkpoint(state["config"], state["epoch"], state["num_classes"], state["weights"])
    except Exception as error:
        raise UserError(f"{file} is not a checkpoint of this package ({type(error).__name__})") from error
