"""Weights that are there already, a run's or published ones, with what they are to embed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch import Tensor
from torch_geometric.transforms import BaseTransform

from gnn_dml.config.transfer import describe_transfer
from gnn_dml.data.images import ImageSplit
from gnn_dml.data.transforms import Transforms
from gnn_dml.errors import UserError
from gnn_dml.evaluation.ensemble import Member
from gnn_dml.evaluation.expand import ExpansionOptions
from gnn_dml.evaluation.refine import describe_test_graph
from gnn_dml.experiments.build import Config, build, build_neighbourhoods
from gnn_dml.experiments.checkpoint import Checkpoint, as_checkpoint, is_checkpoint, read_checkpoint
from gnn_dml.experiments.finished import finished_row
from gnn_dml.experiments.read_images import read_images
from gnn_dml.graphs import Complete, describe, uses_labels
from gnn_dml.models import Embedder, Refiner
from gnn_dml.models.packaged import PACKAGED
from gnn_dml.models.weights_file import as_weights, open_weights
from gnn_dml.official import load_embedder, load_refiner
from gnn_dml.training.learner import Learner

Weights = Mapping[str, Tensor]


@dataclass(frozen=True)
class Trained:
    """A learner, and the configuration under which it is tested.

    Attributes:
        name: What the user calls it.
        config: Resolved; of the test, so `dataset` and `graph` may differ from those of the training.
        learner: On the CPU, in eval mode.
        epoch: After which epoch the weights were taken; None where that is not known.
        expansion: How the run chose to expand its embedding, on its selecting split; None where that is not known.
        remarks: In sentences, how the images are seen otherwise than as trained or than as their data set says.
        trained_with: The configuration of the training; None where that is not known.
    """

    name: str
    config: Config
    learner: Learner
    epoch: int | None
    expansion: ExpansionOptions | None = None
    remarks: tuple[str, ...] = ()
    trained_with: Config | None = None

    @property
    def test_graph(self) -> str:
        """On a line, how images are refined; empty without a refiner."""
        return describe_test_graph(self.learner, build_neighbourhoods(self.config["protocol"]))

    def describe(self, *, refined: bool = False) -> str:
        """On a line or two, which weights these are, and how they refine."""
        said = f"epoch {self.epoch}"
        if self.epoch is None:
            kind = self.config["dataset"]["transform"].get("normalize", "published")
            which = "the packaged weights of EfficientNet-Lite0" if self.name == PACKAGED else "published weights"
            said = f"{which}, images with normalize={kind}"
        lines = [f"{self.name}, {said}", *([f"refined in {self.test_graph}"] if refined else []), *self.remarks]
        return "\n  ".join(lines)

    def read_split(self, name: str, *, workers: int | None = None, labelled: bool = True) -> Member:
        """The learner with a split of the configured data set; nothing else of that has to be there.

        Args:
            name: "train", "val" or "test"; several with commas between; or "all", for whatever is there.
            workers: Processes that load images; None takes the configured number.
            labelled: Whether the classes of the images matter.
        """
        split = read_images(self.config, name, labelled=labelled)
        return self.member(split, workers=workers)

    def member(self, split: ImageSplit, *, workers: int | None = None) -> Member:
        """The learner with some images, seen as configured."""
        transforms: Transforms = build(self.config["dataset"]["transform"])
        return Member(
            name=self.name,
            learner=self.learner,
            split=split,
            transforms=transforms,
            neighbourhoods=build_neighbourhoods(self.config["protocol"]),
            workers=self.config["workers"] if workers is None else workers,
            refine_gallery=self.config["protocol"].get("refine_gallery", True),
        )

    def knows(self, name: str) -> str:
        """In a sentence, that the run was trained on the classes of the test split; empty where it was not."""
        trained = self.trained_with
        if name != "test" or trained is None or "test" not in (trained["protocol"].get("train_on") or ()):
            return ""
        if trained["dataset"].get("content") != self.config["dataset"].get("content"):
            return ""
        return "the run was trained on these classes too (protocol.train_on): the figures are no test"


def read_model(path: Path, *, trust: Sequence[str] = (), config_dirs: Sequence[Path] = ()) -> Checkpoint | Weights:
    """Read the best checkpoint of a run folder, a checkpoint file, or a file of published weights.

    What a file holds decides, not its name.

    Args:
        path: Of the folder or the file.
        trust: Packages of which a checkpoint may have anything built; see `gnn_dml.config.targets`.
        config_dirs: The user's folders of YAMLs, whose classes may be built too.

    Raises:
        UserError: If there is no such file, or it is neither, or it asks for what a file may not have.
    """
    if not path.is_file():
        return read_checkpoint(path, trust=trust, config_dirs=config_dirs)
    held = open_weights(path)
    if is_checkpoint(held):
        return as_checkpoint(path, held, trust=trust, config_dirs=config_dirs)
    return as_weights(path, held)


def from_run(
    name: str,
    checkpoint: Checkpoint,
    config: Config,
    *,
    test_graph: bool = False,
    own_transform: Config | None = None,
) -> Trained:
    """The learner of a run.

    Args:
        name: See `Trained`.
        checkpoint: Its weights and the configuration of its training.
        config: That of its test.
        test_graph: Whether the graph of `config` takes the place of the one trained with.
        own_transform: How the settings of the data set of `config` would show its images.

    Raises:
        UserError: If the graph is built from labels, or there is no refiner for it; if nobody says where the images
            are; if the checkpoint asks for what a file may not have.
    """
    if _needs_root(checkpoint, config):
        raise UserError(
            f"{name} does not say where the images are, since a file brings no paths and no config.yaml of a run lies "
            f"beside it: add dataset.root=..., where the images of dataset={config['choices'].get('dataset')} are"
        )
    learner = checkpoint.learner()
    if test_graph:
        if not learner.has_refiner:
            raise UserError(f"{name} has no refiner, so a graph changes nothing")
        learner = Learner(learner.embedder, learner.refiner, _test_graph(config)).eval()
    used, trained = config["dataset"]["transform"], checkpoint.config["dataset"]["transform"]
    remark = describe_transfer(used, trained, used if own_transform is None else own_transform)
    remarks = (remark,) if remark else ()
    return Trained(name, config, learner, checkpoint.epoch, _chosen_expansion(Path(name)), remarks, checkpoint.config)


def _chosen_expansion(place: Path) -> ExpansionOptions | None:
    """What the result.json of a run says, given its folder or a file in it; it need not be there, nor belong to it."""
    try:
        row = finished_row(place if place.is_dir() else place.parent)
        return None if row is None else ExpansionOptions.parse(str(row.get("expansion")))
    except (UserError, ValueError):  # no row of a run, or one of a version that chose none
        return None


def from_published(name: str, weights: Weights, config: Config, refiner: Weights | None = None) -> Trained:
    """The learner of published weights.

    Args:
        name: See `Trained`.
        weights: Of the CNN.
        config: Says which CNN it is (`backbone.name`), and of the refiner what its shapes do not tell
            (`layer.num_heads`, `refiner.output`, `refiner.weighted`) and its graph.
        refiner: Weights of the refiner, or None without one.

    Raises:
        UserError: If weights and configuration do not fit each other.
    """
    embedder = load_embedder(weights, name=config["backbone"]["name"])
    if refiner is None:
        return Trained(name, config, Learner(embedder).eval(), None)
    return Trained(
        name, config, Learner(embedder, _published_refiner(config, refiner, embedder), _test_graph(config)).eval(), None
    )


def from_packaged(name: str, config: Config) -> Trained:
    """A backbone with the weights that it comes with, and nothing trained behind it.

    Args:
        name: See `Trained`.
        config: Without a graph, and with `backbone.dim=null`: a projection would be an untrained one.

    Raises:
        UserError: If the weights cannot be had.
    """
    return Trained(name, config, Learner(build(config["backbone"], num_classes=None)).eval(), None)


def _needs_root(checkpoint: Checkpoint, config: Config) -> bool:
    """Whether the images are those of the training, and the path to them was left out and given nowhere else."""
    same = config["choices"].get("dataset") == checkpoint.config["choices"].get("dataset")
    return same and "dataset.root" in checkpoint.left_out and config["dataset"].get("root") is None


def _test_graph(config: Config) -> BaseTransform:
    """The configured graph, label-free.

    The published configuration of SOP has none; a refiner can still be tried there, on the graph of the others.
    """
    topology: BaseTransform = Complete() if config["graph"].get("_target_") is None else build(config["graph"])
    if uses_labels(topology):
        raise UserError(f"{describe(topology)} is built from labels, and test images have none; use a label-free graph")
    return topology


def _published_refiner(config: Config, weights: Weights, embedder: Embedder) -> Refiner:
    layer: Mapping[str, Any] = config["layer"]
    width = weights.get("dim_red.weight")
    if width is not None and width.dim() == 2 and width.size(1) != embedder.dim:
        raise UserError(
            f"the refiner takes embeddings of {width.size(1)} channels, and those of the CNN have {embedder.dim}"
        )
    try:
        return load_refiner(
            weights,
            num_heads=layer["num_heads"],
            output=config["refiner"]["output"],
            weighted=config["refiner"]["weighted"],
        )
    except UserError:
        raise
    except ValueError as error:
        raise UserError(f"layer.num_heads={layer['num_heads']} does not fit the refiner: {error}") from error
