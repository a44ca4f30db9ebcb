"""`gnn-dml train`: one run."""

from __future__ import annotations

import argparse
import shlex
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from gnn_dml.cli.progress import TrainingBar, say
from gnn_dml.config.compose import as_yaml, resolve
from gnn_dml.config.names import open_config_dirs
from gnn_dml.experiments.api import train


def run(arguments: argparse.Namespace) -> int:
    """Train and test one configuration, or say that it is done."""
    config = resolve(arguments.overrides, config_dirs=open_config_dirs(arguments.config_dir))
    if arguments.show:
        print(as_yaml(config), end="")
        return 0
    with TrainingBar(row_name(config)) as bar:
        frame = train(arguments.overrides, config_dirs=arguments.config_dir, on_start=bar.start, say=say)
    from gnn_dml.results import table

    folder, reused = Path(frame.attrs["folder"]), frame.attrs["reused"]
    print(table(frame))
    print(f"\n{'Already done, nothing was trained' if reused else 'Written'}: {folder}")
    print(f"  again:  gnn-dml evaluate {shlex.quote(str(folder))}")
    if frame["status"].iloc[0] == "diverged":
        print(f"  {row_name(config)}: diverged; see {folder / 'diverged.txt'}")
    return say_unwritten(frame.attrs["unwritten"])


def say_unwritten(sentences: Sequence[str]) -> int:
    """Say what could not be written though its runs are done; the exit code."""
    for sentence in sentences:
        print(f"not written: {sentence}", file=sys.stderr)
    return 2 if sentences else 0


def row_name(config: Mapping[str, Any]) -> str:
    """What the progress bar calls a run."""
    return f"{config['cell'] or config['choices']['graph']} seed {config['seed']}"
