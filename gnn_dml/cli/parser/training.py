"""Arguments of `demo`, `train` and `ablate`."""

from __future__ import annotations

import argparse

from gnn_dml.cli.parser.common import (
    Commands,
    add_command,
    add_config_dir,
    add_rest,
    examples,
    whole_number,
    whole_numbers,
)
from gnn_dml.config.names import choices_text
from gnn_dml.config.recipes import RECIPES

_SETTINGS = """\
settings:
  GROUP=NAME swaps a part, GROUP.SETTING=VALUE changes one value of it. The groups and their names:

{choices}

  Often used: seed=3  device=auto|cpu|cuda|mps  out=FOLDER  protocol.epochs=20  graph.k=8  layer.num_heads=8
  optimizer.lr=0.001  optimizer.refiner_rate=0.3  backbone.dim=128  dataset.root=FILE
"""


def _settings() -> str:
    return "\n" + _SETTINGS.format(choices=choices_text())


def _add_overrides(parser: argparse.ArgumentParser, text: str = "what differs from the defaults; see below") -> None:
    add_rest(parser, "overrides", "SETTING=VALUE", text)


def _add_seeds(parser: argparse.ArgumentParser, text: str) -> None:
    parser.add_argument("--seeds", type=whole_numbers("0,1,2"), metavar="0,1,2", help=text)


def add_demo(commands: Commands) -> None:
    """`gnn-dml demo`."""
    long = (
        "Train on the embedded emoji with the paper's complete batch graph, with kNN and class-aware graphs, with an\n"
        "isolated control, with none, and from the published start of the refiner; compare them with raw pixels and\n"
        "an untrained CNN; write a CSV, a table and pictures under runs/demo. Finished cells are reused."
    )
    epilog = examples(
        ("gnn-dml demo", "some minutes on 2 cores"),
        ("gnn-dml demo loss=multi_similarity", "with a retrieval loss on the refined branch"),
    )
    parser = add_command(commands, "demo", "the main job on the embedded data, in minutes", long, epilog)
    _add_seeds(parser, "seeds of every cell (default: 0)")
    parser.set_defaults(config_dir=[])
    _add_overrides(parser, "settings for every cell, as for train")


def add_train(commands: Commands) -> None:
    """`gnn-dml train`."""
    long = (
        "Train one network and test it. Writes runs/<study>/<run-id>/ (config.yaml, metrics.csv, result.json,\n"
        "best.pt, last.pt, neighbours.png) and a row of runs/<study>/results.csv. The same settings are never\n"
        "trained twice; an interrupted run goes on after its last finished epoch."
    )
    epilog = examples(
        ("gnn-dml train", "the paper's complete graph on the embedded emoji"),
        ("gnn-dml train graph=knn graph.k=8 layer=gat seed=3", "another graph, another layer"),
        ("gnn-dml train graph=none", "no message passing: cross-entropy only"),
        ("gnn-dml train graph=same_class", "a graph built from labels"),
        ("gnn-dml train dataset=folder dataset.root=PHOTOS", "your own images, a folder per class"),
        ("gnn-dml train dataset=folder dataset.root=PHOTOS --recipe frozen", "a number without training"),
        ("gnn-dml train --show graph=knn", "print the settings and train nothing"),
    )
    parser = add_command(commands, "train", "train one network and test it", long, epilog + _settings())
    parser.add_argument("--show", action="store_true", help="print the resolved settings and stop")
    parser.add_argument(
        "--recipe",
        choices=tuple(RECIPES),
        help="for photographs: settings that stand in front of those typed; small: EfficientNet-Lite0, 128 px, 5 "
        "epochs; frozen: the same network as it comes, nothing trained; full: as the data set has them (default: full, "
        "but small for a folder or table of images where there is no GPU and no setting says what to train)",
    )
    add_config_dir(parser)
    _add_overrides(parser)


def add_status(commands: Commands) -> None:
    """`gnn-dml status`."""
    long = (
        "How a study stands, read off its folder: what is done, which runs are at work and at which epoch, what is\n"
        "left and for how long, and the best cell so far. From any shell or machine that sees the folder."
    )
    epilog = examples(
        ("gnn-dml status topology", "the study under runs/topology"),
        ("gnn-dml status topology out=/shared/runs", "under another folder"),
    )
    parser = add_command(commands, "status", "how a study stands", long, epilog)
    parser.add_argument("study", metavar="STUDY", help="its name, its YAML file, or its folder")
    add_rest(parser, "overrides", "out=FOLDER", "the folder that holds the study's, as for ablate")


def add_ablate(commands: Commands) -> None:
    """`gnn-dml ablate`."""
    long = (
        "Run a study: every cell with every seed, the same seeds for all. Finished runs are reused, so an interrupted\n"
        "study goes on. A run that ends in an error stands in its row with it, and the others go on. Writes\n"
        "runs/<study>/results.csv and recall.png, and prints the table with 95 % confidence intervals and what the\n"
        "study cannot support."
    )
    epilog = examples(
        ("gnn-dml ablate topology", "a study that comes with the package"),
        ("gnn-dml ablate topology --seeds 0,1", "fewer seeds"),
        ("gnn-dml ablate topology layer=gat", "a setting for every cell"),
        ("gnn-dml ablate my-study.yaml", "your own: keys seeds, overrides, cells, grid; docs/studies.md"),
        ("gnn-dml ablate topology --dry-run", "check everything, count the runs, run nothing"),
        ("gnn-dml ablate topology --jobs 4", "four processes share cores and GPUs"),
        ("gnn-dml status topology", "how it stands, from another shell"),
    )
    parser = add_command(commands, "ablate", "run a study: cells x seeds", long, epilog + _settings())
    parser.add_argument("study", metavar="STUDY", help="the name of a study of the package, or a YAML file")
    _add_seeds(parser, "instead of the study's own")
    parser.add_argument("--dry-run", action="store_true", help="check every cell, say what there is to run, and stop")
    parser.add_argument(
        "--only", action="append", default=[], metavar="CELL", help="run this cell alone; may be given several times"
    )
    parser.add_argument("--tuned", action="store_true", help="with what each cell chose in `gnn-dml tune STUDY`")
    parser.add_argument("--retry-failed", action="store_true", help="try runs again that ended in an error")
    parser.add_argument(
        "--jobs", type=whole_number(1, 4096), default=1, metavar="N", help="processes that share the runs (default: 1)"
    )
    parser.add_argument(
        "--launcher", choices=("slurm", "ray"), help="start them as an array of Slurm jobs, or as tasks of Ray"
    )
    parser.add_argument(
        "--launch",
        action="append",
        default=[],
        metavar="KEY=VALUE",
        help="what the launcher is told: of submitit (slurm_partition=gpu timeout_min=600 gpus_per_node=1 "
        "cpus_per_task=8), or of Ray (address=auto num_gpus=1 num_cpus=8); may be given several times",
    )
    add_config_dir(parser)
    _add_overrides(parser)
