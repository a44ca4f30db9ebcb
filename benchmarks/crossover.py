"""From how many edges on the dense path of a layer is faster than the sparse one, forward and backward.

    python benchmarks/crossover.py                    # 6 minutes on 2 cores

Both paths run on random graphs of rising degree until the sparse one is clearly slower; the break-even is interpolated
between the two degrees around it. `gnn_dml.layers` holds the figures of this table in `crossover`, one pair (nodes,
edges) per size, and `time_over_better_path` says how well they fit this machine.
"""

from __future__ import annotations

import argparse
import itertools
import math
import warnings
from pathlib import Path

import pandas as pd
import torch
from measure import describe, interleaved, pick, whole_numbers, write_rows
from message_passing import DIM, HEADS, LAYERS, Case, nodes, ours

from gnn_dml.layers.path import choose_path


def measure(name: str, n: int, edges: int, device: torch.device, seconds: float) -> dict[str, object]:
    """Both paths on a random graph of about that many edges."""
    x = nodes(n, device, torch.float32)
    adjacency = torch.rand(n, n, generator=torch.Generator().manual_seed(edges)).to(device) < edges / n**2
    steps = {path: Case(ours(name, path), x, adjacency).step for path in ("dense", "sparse")}
    ms = interleaved(steps, device, seconds=seconds)
    count = int(adjacency.sum())
    chosen = "dense" if choose_path("auto", x, adjacency, type(ours(name)).crossover).dense else "sparse"
    return {
        "layer": name,
        "nodes": n,
        "edges": count,
        "dense_ms": round(ms["dense"], 3),
        "sparse_ms": round(ms["sparse"], 3),
        "chosen": chosen,
        "time_over_better_path": round(ms[chosen] / min(ms.values()), 3),
    }


def break_even(rows: list[dict[str, object]]) -> float | None:
    """The number of edges at which both paths take the same time; None if they do at none of those measured."""
    for fewer, more in itertools.pairwise(rows):
        low, high = (math.log(row["sparse_ms"] / row["dense_ms"]) for row in (fewer, more))
        if low < 0 <= high:
            share = -low / (high - low)
            return math.exp(math.log(fewer["edges"]) * (1 - share) + math.log(more["edges"]) * share)
    return None


def main() -> None:
    """Measure, print a table, write a CSV."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--sizes", type=whole_numbers, default="54,90,256,512,1024,2048", help="numbers of nodes (%(default)s)"
    )
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu", help="(%(default)s)")
    parser.add_argument("--seconds", type=float, default=2.0, help="for one layer and graph (%(default)s)")
    parser.add_argument("--out", type=Path, default=None, help="CSV (benchmarks/results/crossover-DEVICE.csv)")
    arguments = parser.parse_args()
    warnings.filterwarnings("ignore", category=FutureWarning)
    device = pick(arguments.device)
    print(f"{describe(device)}; torch {torch.__version__}; D = {DIM}, {HEADS} heads; forward and backward\n")
    rows: list[dict[str, object]] = []
    for name in LAYERS:
        for n in arguments.sizes:
            found: list[dict[str, object]] = []
            degree = 1
            while degree <= n and not (found and found[-1]["sparse_ms"] > 2 * found[-1]["dense_ms"]):
                found.append(measure(name, n, degree * n, device, arguments.seconds))
                print("  ".join(f"{key} {value}" for key, value in found[-1].items()), flush=True)
                degree *= 2
            even = break_even(found)
            print(f"{name}, {n} nodes: even at {'no size' if even is None else round(even)} edges\n", flush=True)
            rows += [{**row, "even_at_edges": even and round(even)} for row in found]
    write_rows(pd.DataFrame(rows), arguments.out, "crossover", device)


if __name__ == "__main__":
    main()
