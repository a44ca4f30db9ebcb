"""Arguments of every command that takes trained runs or published weights."""

from __future__ import annotations

import argparse
from collections.abc import Sequence

from gnn_dml.cli.parser.common import DATASETS, add_config_dir, whole_number
from gnn_dml.config.splits import split_names
from gnn_dml.errors import UserError
from gnn_dml.text import exists, typed_path

RUN = (
    "a run folder, a checkpoint file of a run, a file of published weights, or the word packaged: EfficientNet-Lite0's"
)

SETTINGS = """
settings, typed beside the runs, over their own:
  dataset=NAME dataset.SETTING=VALUE     other images, or the same ones elsewhere (dataset.root=FOLDER); images are seen
                                         as in training, as large and normalised so, where nothing else is typed
  graph=NAME graph.SETTING=VALUE         another graph at test time (label-built ones are refused)
  protocol.neighbourhood=nearest|reciprocal  protocol.neighbours=6    which images make the graph of each image
  protocol.val_share, val_seed, folds, fold                          which classes are validation classes
  Beside published weights every setting of `gnn-dml train` can be typed, for instance backbone=densenet121; what is
  not typed is as published for the data set.
"""


def add_model_arguments(parser: argparse.ArgumentParser, *, several: bool = False) -> None:
    """Which weights, on which images (of one split, or of several as one), computed where."""
    if several:
        parser.add_argument(
            "--split",
            type=_splits,
            default="test",
            help="train, val, test, several with commas between, or all (default: test)",
        )
    else:
        parser.add_argument("--split", choices=("train", "val", "test"), default="test", help="default: test")
    parser.add_argument("--last", action="store_true", help="the last epoch of a run instead of the chosen one")
    parser.add_argument("--dataset", metavar="NAME", help=f"as dataset=NAME; one of {', '.join(DATASETS)}")
    parser.add_argument(
        "--refiner",
        metavar="FILE",
        action="append",
        default=[],
        help="published weights of the message passing that belong to the CNN (again for each further CNN)",
    )
    parser.add_argument(
        "--trust",
        metavar="PACKAGE",
        action="append",
        default=[],
        help="let a run build classes of this Python package, which can do whatever it likes (again for each further "
        "one); without it a run builds the classes of this program alone",
    )
    add_config_dir(parser)
    parser.add_argument("--device", help="auto, cpu, cuda or mps (default: auto)")
    parser.add_argument("--workers", type=whole_number(0), metavar="N", help="processes that load images")


def _splits(word: str) -> str:
    """Splits as typed, known to be such."""
    try:
        split_names(word)
    except UserError as error:
        raise argparse.ArgumentTypeError(str(error)) from error
    return word


def split_targets(targets: Sequence[str]) -> tuple[list[str], list[str]]:
    """Names of files, and settings: whatever has a "=" and is no file."""
    settings = [text for text in targets if "=" in text and not exists(typed_path(text))]
    return [text for text in targets if text not in settings], settings
