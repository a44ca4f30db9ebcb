"""Arguments of `tune`."""

from __future__ import annotations

from gnn_dml.cli.parser.common import (
    Commands,
    add_command,
    add_config_dir,
    add_rest,
    examples,
    whole_number,
    whole_numbers,
)


def add_tune(commands: Commands) -> None:
    """`gnn-dml tune`."""
    long = (
        "Search for settings of a study's cells, the same number of trials for each, on validation classes alone: no\n"
        "trial sees a test class. Trials go on where they were interrupted; several processes share them. Writes\n"
        "runs/<study>/tuned.json, with which `gnn-dml ablate STUDY --tuned` runs the study, and\n"
        "runs/<study>/tune/trials.csv, a row per trial. Needs Optuna: pip install 'gnn-dml[tune]'."
    )
    epilog = examples(
        ("gnn-dml tune topology --trials 20", "rates, temperature and start of the refiner"),
        ("gnn-dml tune topology --space paper --seeds 0,1", "the published search, two seeds a trial"),
        ("gnn-dml tune topology --space mine.yaml", "ranges and choices of your own (docs/studies.md)"),
        ("gnn-dml ablate topology --tuned", "then every cell with what it chose"),
    )
    parser = add_command(commands, "tune", "search for the settings of a study's cells", long, epilog)
    parser.add_argument("study", metavar="STUDY", help="the name of a study of the package, or a YAML file")
    parser.add_argument(
        "--trials", type=whole_number(1, 100_000), default=20, metavar="N", help="of each cell, in all (default: 20)"
    )
    parser.add_argument(
        "--space",
        metavar="NAME",
        help="a search space of the package (default, paper), or a YAML file (default: what the study names)",
    )
    parser.add_argument(
        "--seeds", type=whole_numbers("0,1"), default=[0], metavar="SEEDS", help="of every trial (default: 0)"
    )
    add_config_dir(parser)
    add_rest(parser, "overrides", "SETTING=VALUE", "settings of every trial, as `gnn-dml train` takes them")
