"""How long it takes to collect finished runs: into results.csv, and merged from several studies.

    python benchmarks/collecting.py --runs 5000 --out collecting.csv

The runs are made for it: a result.json as a run writes it, with its settings and figures, and its cell.json; with
--classes also a classes.csv. The last row is all that `gnn-dml collect` does, less the start of the program.
"""

from __future__ import annotations

import argparse
import json
import random
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd

from gnn_dml.columns import COLUMNS
from gnn_dml.results import collect, report_runs, summarise, table

SEEDS = 10
FIGURES = ("recall@1", "recall@2", "recall@4", "recall@8", "map@r", "r_precision", "nmi", "ami")
KINDS: dict[type, Any] = {str: "as it is", int: 7, float: 0.125, bool: False}


def main() -> None:
    """Make, collect, print and write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=5_000, help="finished runs, 10 seeds a cell (5000)")
    parser.add_argument("--classes", type=int, default=0, help="test classes of each run (0: no classes.csv)")
    parser.add_argument("--out", type=Path, default=Path("collecting.csv"), help="the CSV (collecting.csv)")
    arguments = parser.parse_args()
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        study = Path(folder) / "study"
        for number in range(arguments.runs):
            write_run(study, number, arguments.classes)

        def timed(what: str, call: Callable[[], Any]) -> Any:
            start, busy = time.perf_counter(), time.process_time()
            found = call()
            seconds, busy = time.perf_counter() - start, time.process_time() - busy
            own = {"what": what, "runs": arguments.runs, "classes": arguments.classes}
            rows.append({**own, "seconds": round(seconds, 2), "processor_seconds": round(busy, 2)})
            return found

        frame = timed("collect", lambda: collect(study))
        timed("collect again, nothing new", lambda: collect(study))
        timed("table", lambda: table(frame))
        timed("statistics", lambda: summarise(frame, metrics=["refined_map@r"]))
        timed("statistics of four metrics", lambda: summarise(frame, folder_of=lambda run_id: study / run_id))
        timed("all of gnn-dml collect", lambda: report_runs([study]))
    found = pd.DataFrame(rows)
    found.to_csv(arguments.out, index=False)
    print(found.to_string(index=False))


def write_run(study: Path, number: int, classes: int = 0) -> None:
    """The files of one run: cell number // 10, seed number % 10."""
    rng = random.Random(number)
    cell, seed = divmod(number, SEEDS)
    run_id = f"small_cnn-knn-s{seed}-{number:010x}"
    row = {column.name: KINDS[column.kind] for column in COLUMNS if column.own}
    row |= {"run_id": run_id, "seed": seed, "status": "finished", "graph": "knn", "graph_k": cell}
    row |= {f"{branch}_{name}": rng.random() for branch in ("backbone", "expanded", "refined") for name in FIGURES}
    row |= {f"last_{branch}_{name}": rng.random() for branch in ("backbone", "refined") for name in FIGURES}
    settings = {f"group{i // 8}.setting{i % 8}": i for i in range(72)} | {"graph.k": cell, "seed": seed}
    folder = study / run_id
    folder.mkdir(parents=True)
    (folder / "result.json").write_text(json.dumps({**row, "settings": settings}, indent=2) + "\n")
    said = {"cell": f"cell {cell}", "overrides": "", "settings": settings, "typed": [f"graph.k={cell}"]}
    (folder / "cell.json").write_text(json.dumps(said, indent=1) + "\n")
    if classes:
        names = [f"{branch}_{name}" for branch in ("backbone", "expanded", "refined") for name in FIGURES[:6]]
        lines = [f"class {c},{7 + c % 2},{','.join(repr(rng.random()) for _ in names)}" for c in range(classes)]
        (folder / "classes.csv").write_text("\n".join([f"class,queries,{','.join(names)}", *lines]) + "\n")


if __name__ == "__main__":
    main()
