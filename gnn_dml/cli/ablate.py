"""`gnn-dml ablate`: cells x seeds from a YAML file, then one table, one plot and what they cannot support."""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Sequence
from pathlib import Path
from textwrap import fill
from typing import Any

from gnn_dml.cli.progress import TrainingBar
from gnn_dml.cli.train import row_name
from gnn_dml.experiments.execute import execute, summary
from gnn_dml.experiments.study import Study, plan, read_study


def run(arguments: argparse.Namespace) -> int:
    """Run a study and report it."""
    run_study(read_study(arguments.study), arguments.seeds, arguments.overrides)
    return 0


def run_study(study: Study, seeds: Sequence[int] | None, overrides: Sequence[str]) -> Path:
    """Run what is missing, then write and print the results; the study's folder."""
    configs = plan(study, seeds or study.seeds, overrides)
    folder = Path(configs[0]["out"]) / study.name
    start = time.perf_counter()
    rows = []
    for number, config in enumerate(configs, start=1):
        with TrainingBar(f"[{number}/{len(configs)}] {row_name(config)}") as bar:
            row, reused = execute(config, bar.start)
        # A run done before may have been done under another name or for other overrides that it never reads.
        row = {**row, "cell": config["cell"], "overrides": config["overrides"]}
        rows.append(row)
        print(f"[{number}/{len(configs)}] {summary(row)}{', reused' if reused else ''}", flush=True)
    print(f"\n{len(configs)} runs in {time.perf_counter() - start:.0f} s\n")
    report(study, folder, rows)
    return folder


def report(study: Study, folder: Path, rows: Sequence[dict[str, Any]]) -> None:
    """Rebuild the CSV, print the table of these rows, draw the plot, and say what cannot be concluded."""
    import pandas as pd

    from gnn_dml.experiments.files import write_text
    from gnn_dml.results import cautions, collect, plot_recall, table

    write_text(folder / "cells.json", json.dumps(list(study.cells)))
    collected = collect(folder)
    labels = pd.DataFrame([{name: row[name] for name in ("run_id", "cell", "overrides")} for row in rows])
    frame = labels.merge(collected.drop(columns=["cell", "overrides"]), on="run_id")
    print(table(frame))
    print()
    for sentence in cautions(frame, seed_spread=study.seed_spread):
        print(fill(f"* {sentence}", 110, subsequent_indent="  "))
    picture = plot_recall(frame, folder / "recall.png")
    print(f"\nrows     {folder / 'results.csv'}\nplot     {picture}")
    print(f"pictures {folder}/*/neighbours.png (queries with their nearest neighbours)")
