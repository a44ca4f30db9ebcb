"""How much sooner a study is done with several processes: equal cells on the CPU, one thread each.

    python benchmarks/jobs.py                     # 8 cells, by 1 and by 2 processes
    python benchmarks/jobs.py --launcher ray      # the two as tasks of Ray
    python benchmarks/jobs.py --epochs 3          # shorter cells, of which starting a process is a larger part

Every time is that of the whole command, from its start to its last line: planning, starting the workers and collecting
are in it. The share is that of the time of one process; 0.5 would be without any of that. Where other work uses the
machine, both times grow: the script prints the load before each.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pandas as pd
import torch
from measure import write_rows

from gnn_dml.experiments.worker import package_path


def study(cells: int, epochs: int) -> str:
    """Cells that take equally long and differ in what costs no time."""
    settings = ["overrides: [graph=complete, device=cpu, backbone.dim=64]", "seeds: [0]", "cells:"]
    return "\n".join(
        [*settings, *(f"  cell {n}: [optimizer.lr=0.00{n + 1}, protocol.epochs={epochs}]" for n in range(cells))]
    )


def seconds(folder: Path, yaml: Path, jobs: int, launcher: str | None) -> float:
    """The time of a whole study in a new folder."""
    command = [sys.executable, "-m", "gnn_dml.cli.main", "ablate", str(yaml), f"out={folder}", "--jobs", str(jobs)]
    command += ["--launcher", launcher] if launcher and jobs > 1 else []
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": package_path()}
    start = time.perf_counter()
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(f"{' '.join(command)}\n{done.stdout}\n{done.stderr}")
    return time.perf_counter() - start


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cells", type=int, default=8)
    parser.add_argument("--epochs", type=int, default=10)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--launcher", choices=("slurm", "ray"))
    parser.add_argument("--out", type=Path, help="a CSV of the rows")
    arguments = parser.parse_args()
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        yaml = Path(folder) / "equal.yaml"
        yaml.write_text(study(arguments.cells, arguments.epochs), encoding="utf-8")
        for jobs in (1, arguments.jobs):
            load = os.getloadavg()[0]
            taken = seconds(Path(folder) / f"by{jobs}", yaml, jobs, arguments.launcher)
            share = taken / rows[0]["seconds"] if rows else 1.0
            rows.append({"jobs": jobs, "cells": arguments.cells, "seconds": round(taken, 1), "share": round(share, 3)})
            print(f"{jobs} processes: {taken:.1f} s, {share:.2f} of one (load before: {load:.1f})", flush=True)
    if arguments.out:
        write_rows(pd.DataFrame(rows), arguments.out, "jobs", torch.device("cpu"))


if __name__ == "__main__":
    main()
