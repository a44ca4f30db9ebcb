"""One attention layer, forward and backward: ours, PyG's own class, and bare torch attention as the floor.

    python benchmarks/message_passing.py --compiled           # the table: 15 minutes on 2 cores, 14 GiB of memory
    python benchmarks/message_passing.py --sizes 54,90 --large none --sparse none  # seconds
    python benchmarks/message_passing.py --device cuda --dtypes float32 bfloat16

D = 512 channels, 8 heads. "complete" is every pair with self-loops; "kNN 8" is every node's 8 nearest others and
itself. PyG's peer of DotProductAttention is its TransformerConv without root weight, followed by a linear map: the same
numbers from the same parameters. A size is left out where PyG's step would not fit the memory or the time; the table
says so. `--compiled` adds "GATv2Conv compiled", the layer built with `compiled=True`.

`--large` are complete graphs for GATConv alone, which sorts them. `--sparse` are graphs of random edges with 64
channels, "sparse" in the table.
"""

from __future__ import annotations

import argparse
import gc
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import torch
import torch_geometric.nn as pyg
from measure import (
    describe,
    free_mebibytes,
    interleaved,
    peak_mebibytes,
    pick,
    step_of,
    whole_numbers,
    write_rows,
)
from torch import Tensor, nn
from torch.nn.functional import normalize, scaled_dot_product_attention

from gnn_dml.graphs import KNN
from gnn_dml.layers import DotProductAttention, GATConv, GATv2Conv, TransformerConv
from gnn_dml.layers.edges import to_sparse

DIM, HEADS, K = 512, 8, 8
NARROW = 64
"""Channels for the sparse graphs, so that PyG's messages fit the memory."""

LAYERS = ("DotProductAttention", "TransformerConv", "GATConv", "GATv2Conv")
COMPILED = "GATv2Conv compiled"
FLOOR = "bare SDPA"


class BareAttention(nn.Module):
    """The floor: four linear maps around torch's fused attention, and nothing else."""

    def __init__(self, dim: int = DIM) -> None:
        super().__init__()
        self.q, self.k, self.v, self.out = (nn.Linear(dim, dim) for _ in range(4))

    def forward(self, x: Tensor) -> Tensor:
        """Nodes (N, D) to nodes (N, D)."""
        q, k, v = (linear(x).view(1, len(x), HEADS, -1).transpose(1, 2) for linear in (self.q, self.k, self.v))
        return self.out(scaled_dot_product_attention(q, k, v).transpose(1, 2).flatten(2)[0])


class PyGDotProduct(nn.Module):
    """PyG's TransformerConv as the paper's attention: no root weight, an output projection."""

    def __init__(self, dim: int = DIM) -> None:
        super().__init__()
        self.conv = pyg.TransformerConv(dim, dim // HEADS, heads=HEADS, root_weight=False)
        self.out = nn.Linear(dim, dim)

    def forward(self, x: Tensor, edge_index: Tensor) -> Tensor:
        """Nodes (N, D) to nodes (N, D) along an edge_index (2, E)."""
        return self.out(self.conv(x, edge_index))


def ours(name: str, backend: str = "auto", dim: int = DIM) -> nn.Module:
    """Our layer of that name."""
    if name == "DotProductAttention":
        return DotProductAttention(dim, HEADS, backend=backend)
    if name == COMPILED:
        return GATv2Conv.for_dim(dim, num_heads=HEADS, backend=backend, compiled=True)
    return {"GATConv": GATConv, "GATv2Conv": GATv2Conv, "TransformerConv": TransformerConv}[name].for_dim(
        dim, num_heads=HEADS, backend=backend
    )


def peer(name: str, dim: int = DIM) -> nn.Module:
    """PyG's own, with the same parameters."""
    if name == "DotProductAttention":
        return PyGDotProduct(dim)
    loops = {} if name == "TransformerConv" else {"add_self_loops": False}
    return getattr(pyg, name.split()[0])(dim, dim // HEADS, heads=HEADS, **loops)


def nodes(n: int, device: torch.device, dtype: torch.dtype, dim: int = DIM) -> Tensor:
    """L2-normalised random embeddings (N, D)."""
    x = torch.randn(n, dim, generator=torch.Generator().manual_seed(n))
    return normalize(x, dim=1).to(device, dtype).requires_grad_()


class Case:
    """One module on one graph, ready to be timed and weighed."""

    def __init__(self, module: nn.Module, x: Tensor, *edges: Tensor | None) -> None:
        self.module = module.to(x.device, x.dtype)
        self.x = x
        self.step = step_of(self.module, x, *edges)

    def mebibytes(self) -> float:
        """Peak memory of a step."""
        return peak_mebibytes(self.step, [self.x, *self.module.parameters()], self.x.device)


def left_out(name: str, graph: str, n: int, rows: list[dict[str, object]], device: torch.device, longest: float) -> str:
    """Why PyG's step at N nodes is left out, judged from the last smaller size if there is one; empty if it is not."""
    smaller = [r for r in rows if r["layer"] == name and r["graph"] == graph and r["pyg_ms"] and r["nodes"] < n]
    if not smaller:
        # PyG gathers a few tensors (E, D): measured, 12 KiB an edge.
        needed = 12 / 1024 * (n**2 if graph == "complete" else n * (K + 1))
        return f"memory: about {needed / 1024:.0f} GiB" if needed > free_mebibytes(device) else ""
    last = smaller[-1]
    growth = (n / last["nodes"]) ** 2 if graph == "complete" else n / last["nodes"]
    if last["pyg_mib"] * growth * 1.1 > free_mebibytes(device):
        return f"memory: about {last['pyg_mib'] * growth / 1024:.0f} GiB"
    if last["pyg_ms"] * growth / 1e3 > longest:
        return f"time: about {last['pyg_ms'] * growth / 1e3:.0f} s a step"
    return ""


def compare(
    sizes: list[int], layers: tuple[str, ...], device: torch.device, dtype: torch.dtype, seconds: float, longest: float
) -> list[dict[str, object]]:
    """A row per graph, size and layer."""
    rows: list[dict[str, object]] = []
    gc.freeze()  # of what is loaded nothing is to be collected after every row
    for graph in ("complete", f"kNN {K}"):
        for n in sizes:
            if graph != "complete" and n <= K:
                continue
            x = nodes(n, device, dtype)
            adjacency = None if graph == "complete" else KNN(K).adjacency(x)
            edge_index, _ = to_sparse(x, adjacency, None)
            floor = Case(BareAttention(), x)
            floor_mib = floor.mebibytes()
            for name in layers if graph == "complete" else LAYERS:
                cases = {FLOOR: floor, "ours": Case(ours(name), x, adjacency)}
                if adjacency is not None:
                    cases |= {path: Case(ours(name, path), x, adjacency) for path in ("dense", "sparse")}
                skipped = left_out(name, graph, n, rows, device, longest)
                if not skipped:
                    cases["PyG"] = Case(peer(name), x, edge_index)
                mib = {key: case.mebibytes() for key, case in cases.items() if key != FLOOR} | {FLOOR: floor_mib}
                ms = interleaved({key: case.step for key, case in cases.items()}, device, seconds=seconds)
                rows.append(figures(graph, n, name, ms, mib, skipped))
                print(line(rows[-1]), flush=True)
                del cases
                gc.collect()
    return rows


def large(sizes: list[int], device: torch.device, dtype: torch.dtype, seconds: float) -> list[dict[str, object]]:
    """A row per large complete graph, for GATConv alone: no floor and no peer would end."""
    rows: list[dict[str, object]] = []
    for n in sizes:
        case = Case(ours("GATConv"), nodes(n, device, dtype), None)
        mib = {"ours": case.mebibytes()}
        ms = interleaved({"ours": case.step}, device, seconds=seconds)
        rows.append(figures("complete", n, "GATConv", ms, mib, "it gathers every pair"))
        print(line(rows[-1]), flush=True)
    return rows


def sparse(
    shapes: list[tuple[int, int]], device: torch.device, dtype: torch.dtype, seconds: float
) -> list[dict[str, object]]:
    """A row per graph of random edges (nodes, edges) and layer."""
    rows: list[dict[str, object]] = []
    for n, count in shapes:
        x = nodes(n, device, dtype, NARROW)
        edges = torch.randint(n, (2, count), generator=torch.Generator().manual_seed(n)).to(device)
        for name in LAYERS:
            cases = {"ours": Case(ours(name, dim=NARROW), x, edges), "PyG": Case(peer(name, NARROW), x, edges)}
            mib = {key: case.mebibytes() for key, case in cases.items()}
            ms = interleaved({key: case.step for key, case in cases.items()}, device, seconds=seconds)
            rows.append(figures("sparse", n, name, ms, mib, ""))
            print(line(rows[-1]), flush=True)
            del cases
            gc.collect()
    return rows


def figures(
    graph: str, n: int, name: str, ms: dict[str, float], mib: dict[str, float], skipped: str
) -> dict[str, object]:
    """The figures of one layer on one graph, and their ratios."""
    found = {
        "graph": graph,
        "nodes": n,
        "layer": name,
        "ours_ms": ms["ours"],
        "floor_ms": ms.get(FLOOR),
        "pyg_ms": ms.get("PyG"),
        "ours_mib": mib["ours"],
        "floor_mib": mib.get(FLOOR),
        "pyg_mib": mib.get("PyG"),
        "time_over_floor": ms["ours"] / ms[FLOOR] if FLOOR in ms else None,
        "times_faster_than_pyg": ms["PyG"] / ms["ours"] if "PyG" in ms else None,
        "times_less_memory_than_pyg": mib["PyG"] / mib["ours"] if "PyG" in mib else None,
        "dense_ms": ms.get("dense"),
        "sparse_ms": ms.get("sparse"),
        "time_over_better_path": ms["ours"] / min(ms["dense"], ms["sparse"]) if "dense" in ms else None,
        "pyg_left_out": skipped,
    }
    return {key: round(value, 4) if isinstance(value, float) else value for key, value in found.items()}


HEAD = (
    f"{'graph':<9}{'N':>6}  {'layer':<20}{'ours ms':>9}{'floor ms':>9}{'/floor':>8}{'PyG ms':>9}{'faster':>8}"
    f"{'ours MiB':>10}{'PyG MiB':>9}{'less':>7}{'/best path':>11}"
)


def line(found: dict[str, object]) -> str:
    """One row of the table."""

    def cell(key: str, width: int, digits: int, unit: str = "") -> str:
        value = found[key]
        return ("-" if value is None else f"{value:.{digits}f}{unit}").rjust(width)

    return (
        f"{found['graph']:<9}{found['nodes']:>6}  {found['layer']:<20}{cell('ours_ms', 9, 1)}{cell('floor_ms', 9, 1)}"
        f"{cell('time_over_floor', 8, 2)}{cell('pyg_ms', 9, 1)}{cell('times_faster_than_pyg', 8, 1, 'x')}"
        f"{cell('ours_mib', 10, 1)}{cell('pyg_mib', 9, 1)}{cell('times_less_memory_than_pyg', 7, 0, 'x')}"
        f"{cell('time_over_better_path', 11, 2)}"
        + (f"  PyG left out, {found['pyg_left_out']}" if found["pyg_left_out"] else "")
    )


def optional(kind: Callable[[str], list[Any]]) -> Callable[[str], list[Any]]:
    """For argparse: a list, or none."""
    return lambda text: [] if text == "none" else kind(text)


def pairs(text: str) -> list[tuple[int, int]]:
    """For argparse: pairs of numbers, A:B with commas between."""
    numbers = [whole_numbers(part.replace(":", ",")) for part in text.split(",")]
    if any(len(found) != 2 for found in numbers):
        raise argparse.ArgumentTypeError(f"must be NODES:EDGES with commas between, not {text!r}")
    return [(first, second) for first, second in numbers]


def main() -> None:
    """Measure, print a table, write a CSV."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--sizes", type=whole_numbers, default="54,90,256,512,1024", help="numbers of nodes (%(default)s)"
    )
    parser.add_argument(
        "--large", type=optional(whole_numbers), default="4096,20000,100000", help="or none (%(default)s)"
    )
    parser.add_argument(
        "--sparse",
        type=optional(pairs),
        default="20000:200000,169343:1200000",
        help="NODES:EDGES with commas between, or none (%(default)s)",
    )
    parser.add_argument("--compiled", action="store_true", help="also GATv2Conv with compiled scores")
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu", help="(%(default)s)")
    parser.add_argument(
        "--dtypes", nargs="+", choices=("float32", "bfloat16"), default=["float32"], help="float32, bfloat16 or both"
    )
    parser.add_argument("--seconds", type=float, default=8.0, help="about how long to time one row (%(default)s)")
    parser.add_argument("--longest", type=float, default=60.0, help="leave PyG out above this many seconds a step")
    parser.add_argument("--out", type=Path, default=None, help="CSV (benchmarks/results/message_passing-DEVICE.csv)")
    arguments = parser.parse_args()
    warnings.filterwarnings("ignore", category=FutureWarning)
    device, sizes = pick(arguments.device), sorted(arguments.sizes)
    print(f"{describe(device)}; torch {torch.__version__}; D = {DIM}, {HEADS} heads; forward and backward")
    layers = (*LAYERS, COMPILED) if arguments.compiled else LAYERS
    rows: list[dict[str, object]] = []
    for name in arguments.dtypes:
        print(f"\n{name}\n{HEAD}")
        found = compare(sizes, layers, device, getattr(torch, name), arguments.seconds, arguments.longest)
        found += large(arguments.large, device, getattr(torch, name), arguments.seconds)
        found += sparse(arguments.sparse, device, getattr(torch, name), arguments.seconds)
        rows += [{"dtype": name, **row} for row in found]
    write_rows(pd.DataFrame(rows), arguments.out, "message_passing", device)


if __name__ == "__main__":
    main()
