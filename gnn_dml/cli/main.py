"""The program `gnn-dml`. This file knows the commands and their help; it imports nothing heavy until one runs."""

from __future__ import annotations

import argparse
import sys
import warnings
from collections.abc import Sequence
from importlib import import_module
from typing import TypeAlias

from gnn_dml import __version__
from gnn_dml.cli.options import choices_text
from gnn_dml.errors import UserError

DATASETS = ("emoji", "cub", "cars196", "sop", "inshop", "folder", "table")

_SETTINGS = """\
settings:
  GROUP=NAME swaps a part, GROUP.SETTING=VALUE changes one value of it. The groups and their names:

{choices}

  Often used: seed=3  device=auto|cpu|cuda|mps  out=FOLDER  protocol.epochs=20  graph.k=8  layer.num_heads=8
  optimizer.lr=0.001  optimizer.refiner_rate=0.3  backbone.dim=128  dataset.root=FILE
"""


def main(argv: Sequence[str] | None = None) -> int:
    """Run the program; returns its exit code: 0, 2 for something the user can put right, 130 when interrupted."""
    parser = build_parser()
    # argparse takes no settings behind an option (`ablate STUDY --seeds 0 graph=knn`); they come back as left over.
    arguments, left = parser.parse_known_args(argv)
    if left and (not hasattr(arguments, "overrides") or any(text.startswith("-") for text in left)):
        parser.error(f"unrecognized arguments: {' '.join(left)}")
    if left:
        arguments.overrides = [*arguments.overrides, *left]
    if arguments.command is None:
        parser.print_help()
        return 0
    # torch_geometric calls a function that torch has deprecated; nobody who runs this program can do anything about it.
    warnings.filterwarnings("ignore", message=".*torch.jit.script.*", category=FutureWarning)
    try:
        code: int = import_module(f"gnn_dml.cli.{arguments.command}").run(arguments)
        return code
    except UserError as error:
        print(f"gnn-dml {arguments.command}: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        trains = arguments.command in ("train", "ablate", "demo")
        kept = ": finished epochs are kept, and the same command goes on from there" if trains else ""
        print(f"\ninterrupted{kept}", file=sys.stderr)
        return 130
    except BrokenPipeError:
        sys.stderr.close()  # whoever read our output has gone, for instance `head`
        return 0


def build_parser() -> argparse.ArgumentParser:
    """All commands with their arguments, descriptions and examples."""
    parser = argparse.ArgumentParser(
        prog="gnn-dml",
        description="Deep metric learning with intra-batch graphs: train, compare and evaluate.",
        epilog=_examples(
            ("gnn-dml demo", "everything below on the embedded emoji, in minutes"),
            ("gnn-dml train graph=knn graph.k=8 layer=gat seed=3", "one run"),
            ("gnn-dml ablate topology", "every topology, five seeds"),
            ("gnn-dml evaluate runs/single/RUN-ID", "a trained run again"),
        )
        + "\n'gnn-dml COMMAND --help' tells more.",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"gnn-dml {__version__}")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND")
    _add_demo(commands)
    _add_train(commands)
    _add_ablate(commands)
    _add_evaluate(commands)
    _add_data(commands)
    return parser


_Commands: TypeAlias = "argparse._SubParsersAction[argparse.ArgumentParser]"


def _examples(*pairs: tuple[str, str]) -> str:
    width = max(len(command) for command, _ in pairs) + 3
    return "examples:\n" + "".join(f"  {command:<{width}}# {what}\n" for command, what in pairs)


def _add(commands: _Commands, name: str, short: str, long: str, epilog: str) -> argparse.ArgumentParser:
    made: argparse.ArgumentParser = commands.add_parser(
        name,
        help=short,
        description=long,
        epilog=epilog,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    return made


def _seeds(text: str) -> list[int]:
    try:
        return [int(seed) for seed in text.split(",")]
    except ValueError:
        raise argparse.ArgumentTypeError(
            f"must be whole numbers with commas between, like 0,1,2; not {text!r}"
        ) from None


def _workers(text: str) -> int:
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f"must be a whole number of at least 0, not {text!r}")
    return int(text)


def _settings() -> str:
    return "\n" + _SETTINGS.format(choices=choices_text())


def _add_overrides(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "overrides", nargs="*", metavar="SETTING=VALUE", help="what differs from the defaults; see below"
    )


def _add_demo(commands: _Commands) -> None:
    long = (
        "Train on the embedded emoji with the paper's complete batch graph, with kNN and class-aware graphs, with an\n"
        "isolated control and with none; compare them with raw pixels and an untrained CNN; write a CSV, a table and\n"
        "pictures under runs/demo. Finished cells are reused."
    )
    epilog = _examples(
        ("gnn-dml demo", "some minutes on 2 cores"),
        ("gnn-dml demo optimizer.lr=0.01 optimizer.refiner_rate=1.0", "see the graph decide whether training works"),
    )
    parser = _add(commands, "demo", "the main job on the embedded data, in minutes", long, epilog)
    parser.add_argument("--seeds", type=_seeds, metavar="0,1,2", help="seeds of every cell (default: 0)")
    parser.add_argument("overrides", nargs="*", metavar="SETTING=VALUE", help="settings for every cell, as for train")


def _add_train(commands: _Commands) -> None:
    long = (
        "Train one network and test it. Writes runs/<study>/<run-id>/ (config.yaml, metrics.csv, result.json,\n"
        "best.pt, last.pt, neighbours.png) and a row of runs/<study>/results.csv. The same settings are never\n"
        "trained twice; an interrupted run goes on after its last finished epoch."
    )
    epilog = _examples(
        ("gnn-dml train", "the paper's complete graph on the embedded emoji"),
        ("gnn-dml train graph=knn graph.k=8 layer=gat seed=3", "another graph, another layer"),
        ("gnn-dml train graph=none", "no message passing: cross-entropy only"),
        ("gnn-dml train graph=same_class", "a graph built from labels"),
        ("gnn-dml train --show graph=knn", "print the settings and train nothing"),
    )
    parser = _add(commands, "train", "train one network and test it", long, epilog + _settings())
    parser.add_argument("--show", action="store_true", help="print the resolved settings and stop")
    _add_overrides(parser)


def _add_ablate(commands: _Commands) -> None:
    long = (
        "Run a study: every cell with every seed, the same seeds for all. Finished runs are reused, so an interrupted\n"
        "study goes on. Writes runs/<study>/results.csv and recall.png, and prints the table with 95 % confidence\n"
        "intervals and what the study cannot support."
    )
    epilog = _examples(
        ("gnn-dml ablate topology", "a study that comes with the package"),
        ("gnn-dml ablate topology --seeds 0,1", "fewer seeds"),
        ("gnn-dml ablate topology layer=gat", "a setting for every cell"),
        ("gnn-dml ablate my-study.yaml", "your own: keys seeds, overrides, cells"),
    )
    parser = _add(commands, "ablate", "run a study: cells x seeds", long, epilog + _settings())
    parser.add_argument("study", metavar="STUDY", help="the name of a study of the package, or a YAML file")
    parser.add_argument("--seeds", type=_seeds, metavar="0,1,2", help="instead of the study's own")
    _add_overrides(parser)


def _add_evaluate(commands: _Commands) -> None:
    long = (
        "Measure a trained run again: Recall@K, MAP@R, R-precision, NMI and AMI of the backbone embedding and of the\n"
        "refined one, from the same weights. Changes nothing."
    )
    epilog = _examples(
        ("gnn-dml evaluate runs/single/RUN-ID", "the chosen epoch, on the test classes"),
        (
            "gnn-dml evaluate runs/single/RUN-ID --split val --last",
            "the last epoch, on the validation classes",
        ),
        ("gnn-dml evaluate runs/single/RUN-ID --json", "for a program to read"),
    )
    parser = _add(commands, "evaluate", "measure a trained run again", long, epilog)
    parser.add_argument("run", metavar="RUN", help="a run folder, or a checkpoint file")
    parser.add_argument("--split", choices=("train", "val", "test"), default="test", help="default: test")
    parser.add_argument("--last", action="store_true", help="the last epoch instead of the chosen one")
    parser.add_argument("--device", default="auto", help="auto, cpu, cuda or mps (default: auto)")
    parser.add_argument("--json", action="store_true", help="print one JSON object instead of a table")


def _add_data(commands: _Commands) -> None:
    long = (
        "What the data sets are, how to get them, whether they are whole. `prepare` downloads what a program can get\n"
        "(it goes on where it broke off, and holds files against their checksums), says what to get by hand where a\n"
        "source asks for a login, and takes archives apart; called again, it does only what is left to do."
    )
    epilog = _examples(
        ("gnn-dml data list", "all data sets; `list cub`: one card"),
        ("gnn-dml data prepare cub", "into datasets/cub"),
        ("gnn-dml data prepare inshop --archive img.zip --archive list_eval_partition.txt", "files that you have"),
        ("gnn-dml data verify cub", "counts, then every image"),
        ("gnn-dml data verify folder --root my-images", "a folder of yours"),
        ("gnn-dml data prepare emoji --out emoji.zip", "build the embedded file anew (needs npm)"),
    )
    parser = _add(commands, "data", "list, prepare and verify data sets", long, epilog)
    parser.add_argument("action", choices=("list", "prepare", "verify"))
    parser.add_argument("name", nargs="?", choices=DATASETS, metavar="NAME", help=", ".join(DATASETS))
    parser.add_argument("--root", metavar="FOLDER", help="where the data set is or goes (default: datasets/NAME)")
    parser.add_argument(
        "--archive", metavar="FILE", action="append", default=[], help="prepare: a file of the data set that you have"
    )
    parser.add_argument("--url", metavar="URL", help="prepare: another address to download from")
    parser.add_argument("--unchecked", action="store_true", help="prepare: take files whatever their checksum")
    parser.add_argument("--subset", action="store_true", help="verify: counts may differ from the published ones")
    parser.add_argument("--workers", type=_workers, default=0, metavar="N", help="verify: processes that read images")
    parser.add_argument("--out", metavar="FILE", help="prepare emoji: where the file goes")
    parser.add_argument("--full", action="store_true", help="prepare emoji: all vendors, all classes")
    parser.add_argument("--cache", metavar="FOLDER", help="prepare emoji: where downloaded packages are kept")
    parser.add_argument("--file", metavar="FILE", help="verify emoji: another file than the embedded one")


if __name__ == "__main__":
    sys.exit(main())
