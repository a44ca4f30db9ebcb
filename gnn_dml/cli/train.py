"""`gnn-dml train`: one run."""

from __future__ import annotations

import argparse
import shlex
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from gnn_dml.cli.progress import TrainingBar, say
from gnn_dml.config.compose import as_yaml
from gnn_dml.config.names import open_config_dirs
from gnn_dml.experiments.api import train
from gnn_dml.experiments.choose_recipe import choose_settings
from gnn_dml.experiments.plan import describe_plan, quicker_way


def run(arguments: argparse.Namespace) -> int:
    """Train and test one configuration, or say that it is done."""
    if arguments.show:
        dirs = open_config_dirs(arguments.config_dir)
        print(as_yaml(choose_settings(arguments.overrides, recipe=arguments.recipe, config_dirs=dirs).config), end="")
        return 0
    with TrainingBar() as bar:
        frame = train(
            arguments.overrides,
            recipe=arguments.recipe,
            config_dirs=arguments.config_dir,
            on_settings=lambda config: _announce(config, bar),
            on_start=bar.start,
            on_epoch=bar.epoch,
            say=say,
        )
    from gnn_dml.results import table

    folder, reused = Path(frame.attrs["folder"]), frame.attrs["reused"]
    print(table(frame))
    print(f"\n{'Already done, nothing was trained' if reused else 'Written'}: {folder}")
    print(f"  again:  gnn-dml evaluate {shlex.quote(str(folder))}")
    if frame["status"].iloc[0] == "diverged":
        print(f"  {frame['cell'].iloc[0]} seed {frame['seed'].iloc[0]}: diverged; see {folder / 'diverged.txt'}")
    return say_unwritten(frame.attrs["unwritten"])


def say_unwritten(sentences: Sequence[str]) -> int:
    """Say what could not be written though its runs are done; the exit code."""
    for sentence in sentences:
        print(f"not written: {sentence}", file=sys.stderr)
    return 2 if sentences else 0


def _announce(config: Mapping[str, Any], bar: TrainingBar) -> None:
    """Say at once what is not trained; what is trained is said when the number of batches is known."""
    bar.name, bar.advice = row_name(config), quicker_way(config)
    if config["protocol"]["epochs"]:
        bar.plan = lambda batches: describe_plan(config, batches)
    else:
        say(describe_plan(config, 0))


def row_name(config: Mapping[str, Any]) -> str:
    """What the progress bar calls a run."""
    return f"{config['cell'] or config['choices']['graph']} seed {config['seed']}"
