"""A trained learner on disk: weights, and the configuration that builds the modules they fit.

A checkpoint may come from anybody. Before anything is built from one, its configuration has to name what may be built
(`gnn_dml.config.targets`), its numbers are bounded by its weights, and modules and weights are compared by name and
shape without allocating any. It brings no paths. SECURITY.md says what that is worth.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from torch import Tensor, nn

from gnn_dml import __version__
from gnn_dml.config.targets import Targets, allowed_targets, check_plain, check_targets
from gnn_dml.config.upgrade import upgrade
from gnn_dml.errors import UserError
from gnn_dml.experiments.build import build_learner
from gnn_dml.experiments.files import save
from gnn_dml.experiments.finished import check_weights
from gnn_dml.experiments.paths import with_paths_of, without_paths
from gnn_dml.experiments.sizes import check_sizes, fewer_workers
from gnn_dml.losses import Losses
from gnn_dml.models.fit import misfit, shapes_of
from gnn_dml.models.weights_file import check_tensors, open_file
from gnn_dml.training.learner import Learner

_NEVER_BUILT = ("loss",)
"""What a learner has no use for: it is taken out of a file's configuration, so its classes need not be allowed."""


@dataclass(frozen=True)
class Checkpoint:
    """What a checkpoint file holds.

    Attributes:
        config: The resolved configuration of the run; read from a file, without its losses.
        epoch: After which epoch the weights were taken; 0 before training.
        num_classes: Training classes, which size the classifiers.
        weights: State dict of the learner.
        left_out: Places in the configuration that are null because a path stood there; see `gnn_dml.experiments.paths`.
        allowed: What may be built from the configuration.
        trust: Packages of which anything may be built.
        typed: Whether the configuration is the user's own and need not be checked.
        losses: State dict of the loss terms, which holds what those with parameters have learned; mostly empty.
    """

    config: dict[str, Any]
    epoch: int
    num_classes: int
    weights: dict[str, Any]
    left_out: tuple[str, ...] = ()
    allowed: Targets = field(default_factory=allowed_targets, repr=False)
    trust: tuple[str, ...] = ()
    typed: bool = False
    losses: dict[str, Any] = field(default_factory=dict)

    def write(self, path: Path) -> None:
        """Save atomically, without paths."""
        config, left_out = without_paths(self.config)
        held = {"config": config, "epoch": self.epoch, "num_classes": self.num_classes, "weights": self.weights}
        if self.losses:
            held["losses"] = self.losses
        places = sorted({*self.left_out, *left_out})
        save(path, {**held, "left_out": places, "version": __version__})

    def learner(self) -> Learner:
        """The learner with these weights, on the CPU, in eval mode.

        Raises:
            UserError: If the configuration names what may not be built, or does not fit the weights.
        """
        # The weights are here: whatever the backbone started from is not needed again.
        config = dict(self.config)
        if isinstance(config.get("backbone"), Mapping) and "weights" in config["backbone"]:
            config["backbone"] = {**config["backbone"], "weights": None}
        if not self.typed:
            self._check(config)
        learner = build_learner(config, self.num_classes)
        learner.load_state_dict(self.weights)
        return learner.eval()

    def _check(self, config: Mapping[str, Any]) -> None:
        """Everything that can be told before memory is taken."""
        check_targets(config, self.allowed, self.trust)
        check_sizes(config, self.num_classes, self.weights)
        try:
            shapes = shapes_of(lambda: build_learner(config, self.num_classes))
        except UserError:
            raise
        except Exception as error:  # the configuration is anybody's, and constructors fail in many ways
            raise UserError(
                f"the configuration in the checkpoint builds no learner ({type(error).__name__}: "
                f"{' '.join(str(error).split())[:200]})"
            ) from error
        if fault := misfit(shapes, self.weights):
            raise UserError(f"the weights in the checkpoint do not fit its configuration: {fault}")


def snapshot(
    config: Mapping[str, Any], learner: Learner, epoch: int, num_classes: int, losses: Losses | None = None
) -> Checkpoint:
    """The learner as it is now, and its losses; the weights are copied, so training may go on."""
    learned = {} if losses is None else _copied(losses)
    return Checkpoint(dict(config), epoch, num_classes, _copied(learner), losses=learned)


def _copied(module: nn.Module) -> dict[str, Any]:
    """The state dict of a module, on the CPU and its own."""
    return {name: tensor.detach().cpu().clone() for name, tensor in module.state_dict().items()}


def read_checkpoint(
    path: Path,
    *,
    trust: Sequence[str] = (),
    config_dirs: Sequence[Path] = (),
    typed: Mapping[str, Any] | None = None,
) -> Checkpoint:
    """Read a checkpoint file, or the best one of a run folder.

    Where a file brings no paths, those in the config.yaml beside it are taken, if there is one.

    Args:
        path: A file or a run folder.
        trust: Packages of which anything may be built; see `gnn_dml.config.targets`.
        config_dirs: The user's folders of YAMLs, whose classes may be built too.
        typed: The configuration of the run as it was typed here: it takes the place of the file's, unchecked.

    Raises:
        UserError: If there is none, or the file is not one of ours, or it asks for what a file may not have.
    """
    file = path / "best.pt" if path.is_dir() else path
    if not file.is_file():
        raise UserError(
            f"no checkpoint at {file}; give the folder of a finished run, runs/<study>/<run-id>, or a .pt file"
        )
    if path.is_dir():
        check_weights(path, file.name)
    try:
        held = open_file(file, mapped=True)
    except UserError:
        raise
    except Exception as error:
        raise UserError(f"{file} is not a checkpoint of this package ({type(error).__name__})") from error
    found = as_checkpoint(file, held, trust=trust, config_dirs=config_dirs, check=typed is None)
    return found if typed is None else replace(found, config=dict(typed), left_out=(), typed=True)


def is_checkpoint(held: Any) -> bool:
    """Whether what a file holds has the parts of a checkpoint of this package."""
    return isinstance(held, dict) and {"config", "weights"} <= held.keys()


def as_checkpoint(
    file: Path, held: Any, *, trust: Sequence[str] = (), config_dirs: Sequence[Path] = (), check: bool = True
) -> Checkpoint:
    """What `open_file` gave, as a checkpoint; see `read_checkpoint`.

    Raises:
        UserError: See there.
    """
    if fault := _fault(held):
        raise UserError(f"{file} is not a checkpoint of this package ({fault})")
    losses = held.get("losses", {})
    check_tensors(file, held["weights"])
    check_tensors(file, losses)
    allowed = allowed_targets(*map(Path, config_dirs))
    config: dict[str, Any] = held["config"]
    if check:
        config = upgrade(_plain(config))
        config = {name: part for name, part in config.items() if name not in _NEVER_BUILT}
        check_targets(config, allowed, trust)
        if fault := _lacking(config):
            raise UserError(f"{file} is not a checkpoint of this package ({fault})")
    config, dropped = without_paths(config)
    left_out = tuple(sorted({*dropped, *(place for place in held.get("left_out", ()) if place.startswith("dataset."))}))
    config = fewer_workers(with_paths_of(file.parent, config, left_out))
    checkpoint = Checkpoint(
        config, held["epoch"], held["num_classes"], held["weights"], left_out, allowed, tuple(trust), losses=losses
    )
    if check:
        check_sizes(config, checkpoint.num_classes, checkpoint.weights)
    return checkpoint


def _fault(held: Any) -> str | None:
    """What is wrong with the parts of a checkpoint; None if they are what they should be."""
    if not is_checkpoint(held):
        return "it has no configuration beside weights"
    for name in ("epoch", "num_classes"):
        number = held.get(name)
        if not isinstance(number, int) or isinstance(number, bool) or not 0 <= number < 2**31:
            return f"its {name} is no whole number"
    places = held.get("left_out", [])
    for name, tensors in (("weights", held["weights"]), ("losses", held.get("losses", {}))):
        if not isinstance(tensors, dict) or not all(
            isinstance(key, str) and isinstance(tensor, Tensor) for key, tensor in tensors.items()
        ):
            return f"its {name} are no tensors by name"
    if not isinstance(places, list) or not all(isinstance(place, str) for place in places[:100]) or len(places) > 100:
        return "its list of paths left out is broken"
    return None if isinstance(held["config"], dict) else "its configuration is no mapping"


def _plain(config: dict[str, Any]) -> dict[str, Any]:
    """The configuration, looked through; what was once typed is only a label, and may hold anything."""
    config = {**config, "overrides": ""} if "overrides" in config else config
    check_plain(config)
    return config


def _lacking(config: Mapping[str, Any]) -> str | None:
    """Which part, without which nothing can be embedded, is not there."""
    parts = ("backbone", "graph", "dataset", "protocol", "choices")
    others = [name for name in ("refiner", "layer") if config.get(name) is not None]
    lacking = [name for name in (*parts, *others) if not isinstance(config.get(name), Mapping)]
    lacking += [
        f"dataset.{name}"
        for name in ("source", "transform")
        if "dataset" not in lacking and not isinstance(config["dataset"].get(name), Mapping)
    ]
    return f"its configuration lacks {', '.join(lacking)}" if lacking else None
