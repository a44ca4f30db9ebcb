"""`gnn-dml train`: one run."""

from __future__ import annotations

import argparse
from collections.abc import Sequence

from gnn_dml.cli.progress import TrainingBar
from gnn_dml.config.compose import flat, resolve
from gnn_dml.experiments.execute import execute, summary


def run(arguments: argparse.Namespace) -> int:
    """Train and test one configuration, or say that it is done."""
    config = resolve(arguments.overrides, overrides=label(arguments.overrides))
    if arguments.show:
        print(flat(config), end="")
        return 0
    from gnn_dml.experiments.run import run_folder
    from gnn_dml.results import collect, table

    with TrainingBar(row_name(config)) as bar:
        row, reused = execute(config, bar.start)
    folder = run_folder(config)
    frame = collect(folder.parent)
    print(table(frame[frame["run_id"] == row["run_id"]]))
    print(f"\n{'Already done, nothing was trained' if reused else 'Written'}: {folder}")
    print(f"  again:  gnn-dml evaluate {folder}")
    if row["status"] == "diverged":
        print(f"  {summary(row)}; see {folder / 'diverged.txt'}")
    return 0


def label(settings: Sequence[str]) -> str:
    """The settings that tell this row from others: all but what names its cell, its seed or a machine."""
    own = {"graph", "dataset", "seed", "cell", "study_name", "device", "out", "workers"}
    return " ".join(setting for setting in settings if setting.split("=")[0] not in own)


def row_name(config: dict[str, object]) -> str:
    """What the progress bar calls a run."""
    choices = config["choices"]
    assert isinstance(choices, dict)
    return f"{config['cell'] or choices['graph']} seed {config['seed']}"
