"""Evaluation at benchmark sizes: ours, faiss's search, pytorch-metric-learning; message passing at test time.

    python benchmarks/evaluation.py                          # all: 13 minutes on 2 cores
    python benchmarks/evaluation.py --cases cub              # 5,924 x 512 of 100 classes: a minute
    python benchmarks/evaluation.py --cases sop large        # 60,502 x 512 of 11,316; 450,000 x 128 of 50,000
    python benchmarks/evaluation.py --cases refine           # 5,924 images, each refined in a graph of 7
    python benchmarks/evaluation.py --device cuda            # beside torch's products and topk, in chunks of queries

Embeddings are drawn: a random centre for every class, with noise around it. Ours is `gnn_dml.metrics.retrieval`
(Recall@K, MAP@R, R-precision, exact). faiss's IndexFlatIP finds the K nearest and scores nothing. AccuracyCalculator
gives precision@1, MAP@R and R-precision through faiss. The published way of message passing at test time is
`published_refining.py`. Every measurement has a process of its own, which says its time (the best of a few calls after
one that does not count) and its peak resident memory, libraries and embeddings included; the processes take turns. On
CUDA the memory is that of torch's allocator.
"""

from __future__ import annotations

import argparse
import json
import resource
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
import torch
from measure import counted, in_a_process, pick, write_rows
from tqdm import tqdm

from gnn_dml.metrics import retrieval


class Case(NamedTuple):
    """Embeddings to evaluate.

    Attributes:
        images: N.
        dim: D.
        classes: C.
        noise: Standard deviation around the centre of a class, whose entries have 1.
        ks: The K of Recall@K.
        search: How many neighbours faiss is asked for.
        rounds: Processes of each contender.
        calls: Calls that count in each of them.
    """

    images: int
    dim: int
    classes: int
    noise: float
    ks: tuple[int, ...]
    search: int
    rounds: int
    calls: int


CASES = {
    "cub": Case(5924, 512, 100, 3.6, (1, 2, 4, 8), 8, 5, 5),
    "sop": Case(60502, 512, 11316, 1.8, (1, 10, 100, 1000), 1000, 1, 1),
    "large": Case(450_000, 128, 50_000, 1.5, (1, 10, 100, 1000), 0, 1, 1),
    "refine": Case(5924, 512, 100, 3.6, (1,), 0, 1, 2),
}
CONTENDERS = {
    "cub": ("ours", "faiss", "AccuracyCalculator"),
    "sop": ("ours", "faiss", "AccuracyCalculator"),
    "large": ("ours",),
    "refine": ("ours", "published"),
}

ON_CUDA = {"cub": ("ours", "topk"), "sop": ("ours", "topk"), "large": ("ours",), "refine": ("ours",)}


def embeddings(case: Case) -> tuple[torch.Tensor, torch.Tensor]:
    """float32 (N, D) of length 1, and labels (N,), class by class."""
    generator = torch.Generator().manual_seed(0)
    labels = torch.arange(case.images) * case.classes // case.images
    x = torch.randn(case.classes, case.dim, generator=generator)[labels]
    for part in x.split(2**14):
        part += case.noise * torch.randn(part.shape, generator=generator)
        part /= part.norm(dim=1, keepdim=True)
    return x, labels


def faiss_search(x: torch.Tensor, k: int) -> object:
    """The k nearest of every embedding, itself among them."""
    import faiss

    index = faiss.IndexFlatIP(x.size(1))
    index.add(x.numpy())
    return index.search(x.numpy(), k)


def topk(x: torch.Tensor, k: int) -> object:
    """The k nearest of every embedding, itself among them, by torch alone."""
    return [(rows @ x.T).topk(k, dim=1) for rows in x.split(2**12)]


def accuracy_calculator(x: torch.Tensor, labels: torch.Tensor) -> object:
    """What pytorch-metric-learning computes, without its clustering."""
    from pytorch_metric_learning.utils.accuracy_calculator import AccuracyCalculator

    include = ("precision_at_1", "r_precision", "mean_average_precision_at_r")
    calculator = AccuracyCalculator(include=include, k="max_bin_count", device=torch.device("cpu"))
    return calculator.get_accuracy(x, labels)


def refined(x: torch.Tensor, contender: str) -> torch.Tensor:
    """Every image refined in the graph of its reciprocal neighbours."""
    from published_refining import published_neighbourhoods, published_refine

    from gnn_dml.evaluation.neighbourhoods import ReciprocalNeighbourhoods
    from gnn_dml.evaluation.refine import refine_in_neighbourhoods
    from gnn_dml.graphs import Complete
    from gnn_dml.layers import DotProductAttention
    from gnn_dml.models import Refiner

    torch.manual_seed(0)
    refiner = Refiner(x.size(1), 100, partial(DotProductAttention, num_heads=2)).eval().to(x.device)
    if contender == "ours":
        return refine_in_neighbourhoods(refiner, Complete(), x, neighbourhoods=ReciprocalNeighbourhoods())
    with torch.no_grad():
        return published_refine(refiner, x, published_neighbourhoods(x))


def shrunk(case: Case, images: int | None) -> Case:
    """The case with at most so many images, and as many of each class."""
    if images is None or images >= case.images:
        return case
    classes = max(2, case.classes * images // case.images)
    return case._replace(images=images, classes=classes, search=min(case.search, images), rounds=1)


def measure(name: str, case: Case, contender: str, folder: Path, device: torch.device) -> dict[str, object]:
    """Time and memory of one contender, in this process; what it found where that is to be compared."""
    x, labels = (tensor.to(device) for tensor in embeddings(case))
    calls: dict[str, Callable[[], object]] = {
        "ours": lambda: retrieval(x, labels, ks=case.ks),
        "faiss": lambda: faiss_search(x, case.search),
        "topk": lambda: topk(x, case.search),
        "AccuracyCalculator": lambda: accuracy_calculator(x, labels),
    }
    call = partial(refined, x, contender) if name == "refine" else calls[contender]
    cuda = device.type == "cuda"
    if case.calls > 1 or cuda:  # the first call on a GPU loads its kernels
        call()
    seconds, found = [], None
    for _ in range(case.calls):
        found = None
        if cuda:
            torch.cuda.synchronize(device)
        begun = time.perf_counter()
        found = call()
        if cuda:
            torch.cuda.synchronize(device)
        seconds.append(time.perf_counter() - begun)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (2**20 if sys.platform == "darwin" else 2**10)
    if cuda:
        peak = torch.cuda.max_memory_allocated(device) / 2**20
    row: dict[str, object] = {"seconds": min(seconds), "peak_mib": peak}
    if isinstance(found, torch.Tensor):
        np.save(folder / f"{contender}.npy", found.cpu().numpy())
    elif isinstance(found, dict):
        row["recall@1"] = found.get("recall@1", found.get("precision_at_1"))
        row["map@r"] = found.get("map@r", found.get("mean_average_precision_at_r"))
    return row


def alone(name: str, contender: str, folder: Path, images: int | None, device: torch.device) -> dict[str, object]:
    """`measure` in a process of its own."""
    shown = [] if images is None else ["--images", str(images)]
    return in_a_process(__file__, "--measure", name, contender, str(folder), "--device", str(device), *shown)


def rows_of(name: str, images: int | None, device: torch.device) -> pd.DataFrame:
    """A row for every contender of a case: the best time and the largest memory of its processes."""
    case, contenders = shrunk(CASES[name], images), (ON_CUDA if device.type == "cuda" else CONTENDERS)[name]
    with tempfile.TemporaryDirectory() as folder:
        turns = tqdm(contenders * case.rounds, desc=name, unit="process", disable=None)
        taken = pd.DataFrame({"what": one, **alone(name, one, Path(folder), images, device)} for one in turns)
        results = [np.load(path) for path in sorted(Path(folder).glob("*.npy"))]
    best = {column: "min" if column == "seconds" else "max" for column in taken if column != "what"}
    rows = taken.groupby("what", sort=False).agg(best).reset_index()
    rows["ours_over_this"] = rows["seconds"].iloc[0] / rows["seconds"]
    for column, value in (("classes", case.classes), ("dim", case.dim), ("images", case.images), ("case", name)):
        rows.insert(0, column, value)
    if results:
        rows["largest_difference"] = float(np.abs(results[0] - results[1]).max())
    return rows


def main() -> None:
    """Measure, print a table, write a CSV."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cases", nargs="+", choices=tuple(CASES), default=list(CASES), help="default: all")
    parser.add_argument("--images", type=counted, default=None, help="at most so many images, for a try")
    parser.add_argument("--device", default="cpu", help="(%(default)s)")
    parser.add_argument("--out", type=Path, default=None, help="CSV (benchmarks/results/evaluation-DEVICE.csv)")
    parser.add_argument("--measure", nargs=3, metavar=("CASE", "WHAT", "FOLDER"), help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    device = torch.device(arguments.device)
    if arguments.measure:
        name, contender, folder = arguments.measure
        case = shrunk(CASES[name], arguments.images)
        print(json.dumps(measure(name, case, contender, Path(folder), pick(arguments.device))))
        return
    rows = pd.concat([rows_of(name, arguments.images, device) for name in arguments.cases], ignore_index=True)
    print(rows.to_string(index=False, na_rep="-", float_format=lambda value: f"{value:.4g}"))
    write_rows(rows, arguments.out, "evaluation", device)


if __name__ == "__main__":
    main()
