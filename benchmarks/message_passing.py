"""One attention layer, forward and backward: ours, PyG's own class, and bare torch attention as the floor.

    python benchmarks/message_passing.py                      # the table: 9 minutes on 2 cores, 14 GiB of memory
    python benchmarks/message_passing.py --sizes 54,90        # seconds
    python benchmarks/message_passing.py --device cuda --dtypes float32 bfloat16

D = 512 channels, 8 heads. "complete" is every pair with self-loops; "kNN 8" is every node's 8 nearest others and
itself. PyG's peer of DotProductAttention is its TransformerConv without root weight, followed by a linear map: the same
numbers from the same parameters. A size is left out where PyG's step would not fit the memory or the time; the table
says so.
"""

from __future__ import annotations

import argparse
import gc
import warnings
from pathlib import Path

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
LAYERS = ("DotProductAttention", "TransformerConv", "GATConv", "GATv2Conv")
FLOOR = "bare SDPA"


class BareAttention(nn.Module):
    """The floor: four linear maps around torch's fused attention, and nothing else."""

    def __init__(self) -> None:
        super().__init__()
        self.q, self.k, self.v, self.out = (nn.Linear(DIM, DIM) for _ in range(4))

    def forward(self, x: Tensor) -> Tensor:
        """Nodes (N, D) to nodes (N, D)."""
        q, k, v = (linear(x).view(1, -1, HEADS, DIM // HEADS).transpose(1, 2) for linear in (self.q, self.k, self.v))
        return self.out(scaled_dot_product_attention(q, k, v).transpose(1, 2).flatten(2)[0])


class PyGDotProduct(nn.Module):
    """PyG's TransformerConv as the paper's attention: no root weight, an output projection."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = pyg.TransformerConv(DIM, DIM // HEADS, heads=HEADS, root_weight=False)
        self.out = nn.Linear(DIM, DIM)

    def forward(self, x: Tensor, edge_index: Tensor) -> Tensor:
        """Nodes (N, D) to nodes (N, D) along an edge_index (2, E)."""
        return self.out(self.conv(x, edge_index))


def ours(name: str, backend: str = "auto") -> nn.Module:
    """Our layer of that name."""
    if name == "DotProductAttention":
        return DotProductAttention(DIM, HEADS, backend=backend)
    return {"GATConv": GATConv, "GATv2Conv": GATv2Conv, "TransformerConv": TransformerConv}[name].for_dim(
        DIM, num_heads=HEADS, backend=backend
    )


def peer(name: str) -> nn.Module:
    """PyG's own, with the same parameters."""
    if name == "DotProductAttention":
        return PyGDotProduct()
    loops = {} if name == "TransformerConv" else {"add_self_loops": False}
    return getattr(pyg, name)(DIM, DIM // HEADS, heads=HEADS, **loops)


def nodes(n: int, device: torch.device, dtype: torch.dtype) -> Tensor:
    """L2-normalised random embeddings (N, D)."""
    x = torch.randn(n, DIM, generator=torch.Generator().manual_seed(n))
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
    sizes: list[int], device: torch.device, dtype: torch.dtype, seconds: float, longest: float
) -> list[dict[str, object]]:
    """A row per graph, size and layer."""
    rows: list[dict[str, object]] = []
    for graph in ("complete", f"kNN {K}"):
        for n in sizes:
            if graph != "complete" and n <= K:
                continue
            x = nodes(n, device, dtype)
            adjacency = None if graph == "complete" else KNN(K).adjacency(x)
            edge_index, _ = to_sparse(x, adjacency, None)
            floor = Case(BareAttention(), x)
            floor_mib = floor.mebibytes()
            for name in LAYERS:
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


def figures(
    graph: str, n: int, name: str, ms: dict[str, float], mib: dict[str, float], skipped: str
) -> dict[str, object]:
    """The figures of one layer on one graph, and their ratios."""
    found = {
        "graph": graph,
        "nodes": n,
        "layer": name,
        "ours_ms": ms["ours"],
        "floor_ms": ms[FLOOR],
        "pyg_ms": ms.get("PyG"),
        "ours_mib": mib["ours"],
        "floor_mib": mib[FLOOR],
        "pyg_mib": mib.get("PyG"),
        "time_over_floor": ms["ours"] / ms[FLOOR],
        "times_faster_than_pyg": ms["PyG"] / ms["ours"] if "PyG" in ms else None,
        "times_less_memory_than_pyg": mib["PyG"] / mib["ours"] if "PyG" in mib else None,
        "dense_ms": ms.get("dense"),
        "sparse_ms": ms.get("sparse"),
        "time_over_better_path": ms["ours"] / min(ms["dense"], ms["sparse"]) if "dense" in ms else None,
        "pyg_left_out": skipped,
    }
    return {key: round(value, 4) if isinstance(value, float) else value for key, value in found.items()}


HEAD = (
    f"{'graph':<9}{'N':>5}  {'layer':<20}{'ours ms':>9}{'floor ms':>9}{'/floor':>8}{'PyG ms':>9}{'faster':>8}"
    f"{'ours MiB':>10}{'PyG MiB':>9}{'less':>7}{'/best path':>11}"
)


def line(found: dict[str, object]) -> str:
    """One row of the table."""

    def cell(key: str, width: int, digits: int, unit: str = "") -> str:
        value = found[key]
        return ("-" if value is None else f"{value:.{digits}f}{unit}").rjust(width)

    return (
        f"{found['graph']:<9}{found['nodes']:>5}  {found['layer']:<20}{cell('ours_ms', 9, 1)}{cell('floor_ms', 9, 1)}"
        f"{cell('time_over_floor', 8, 2)}{cell('pyg_ms', 9, 1)}{cell('times_faster_than_pyg', 8, 1, 'x')}"
        f"{cell('ours_mib', 10, 1)}{cell('pyg_mib', 9, 1)}{cell('times_less_memory_than_pyg', 7, 0, 'x')}"
        f"{cell('time_over_better_path', 11, 2)}"
        + (f"  PyG left out, {found['pyg_left_out']}" if found["pyg_left_out"] else "")
    )


def main() -> None:
    """Measure, print a table, write a CSV."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--sizes", type=whole_numbers, default="54,90,256,512,1024", help="numbers of nodes (%(default)s)"
    )
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
    rows: list[dict[str, object]] = []
    for name in arguments.dtypes:
        print(f"\n{name}\n{HEAD}")
        found = compare(sizes, device, getattr(torch, name), arguments.seconds, arguments.longest)
        rows += [{"dtype": name, **row} for row in found]
    write_rows(pd.DataFrame(rows), arguments.out, "message_passing", device)


if __name__ == "__main__":
    main()
