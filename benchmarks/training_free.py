"""Training-free methods over neighbours at benchmark sizes, beside faiss's search.

    python benchmarks/training_free.py                       # cub: 5,924 x 512 of 100 classes
    python benchmarks/training_free.py --cases sop           # 60,502 x 512 of 11,316 classes
    python benchmarks/training_free.py --cases choice        # 1,500 x 256 of 50 classes: choose_expansion, whole grid

Embeddings are drawn as in `evaluation.py`: a random centre for every class, with noise around it. faiss's IndexFlatIP
finds the nearest and scores nothing: the floor. All others are scored too (Recall@K, MAP@R, R-precision), so `plain` is
`gnn_dml.metrics.retrieval` alone. Every measurement has a process of its own, which says its time, the processor time
(which other work on the machine moves less), and its peak resident memory, libraries and embeddings included.
"""

from __future__ import annotations

import argparse
import json
import resource
import sys
import time
from pathlib import Path

import pandas as pd
import torch
from evaluation import CASES, Case, embeddings, faiss_search, shrunk
from measure import counted, in_a_process, write_rows
from tqdm import tqdm

from gnn_dml.evaluation.expand import DEFAULT_GRID, choose_expansion
from gnn_dml.evaluation.training_free import METHODS, measure_training_free

SIZES = {
    "choice": Case(1500, 256, 50, 2.5, (1,), 8, 1, 1),
    "cub": CASES["cub"],
    "sop": CASES["sop"],
}
CONTENDERS = {"choice": ("faiss", "choose_expansion"), "cub": ("faiss", *METHODS), "sop": ("faiss", *METHODS)}


def measure(name: str, contender: str, images: int | None) -> dict[str, object]:
    """Time and memory of one contender, in this process."""
    case = shrunk(SIZES[name], images)
    x, labels = embeddings(case)
    found: dict[str, object] = {}
    begun, used = time.perf_counter(), time.process_time()
    if contender == "faiss":
        faiss_search(x, case.search)
    elif contender == "choose_expansion":
        choice = choose_expansion(x, labels)
        found = {"map@r": choice.score, "chosen": str(choice.options), "grid": len(DEFAULT_GRID)}
    else:
        [one] = measure_training_free(x, labels, ks=case.ks, methods=[contender])
        found = {"recall@1": one.scores["recall@1"], "map@r": one.scores["map@r"]}
    seconds, processor = time.perf_counter() - begun, time.process_time() - used
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (2**20 if sys.platform == "darwin" else 2**10)
    return {"seconds": seconds, "processor_seconds": processor, "peak_mib": peak, **found}


def alone(name: str, contender: str, images: int | None) -> dict[str, object]:
    """`measure` in a process of its own."""
    shown = [] if images is None else ["--images", str(images)]
    return in_a_process(__file__, "--measure", name, contender, *shown)


def rows_of(name: str, images: int | None, what: list[str] | None) -> pd.DataFrame:
    """A row for every contender of a case, or for the floor and those of these names."""
    case = shrunk(SIZES[name], images)
    floor, *others = CONTENDERS[name]
    chosen = [floor, *(one for one in others if what is None or one in what)]
    turns = tqdm(chosen, desc=name, unit="process", disable=None)
    rows = pd.DataFrame({"what": one, **alone(name, one, images)} for one in turns)
    rows.insert(2, "over_floor", rows["seconds"] / rows["seconds"].iloc[0])
    for column, value in (("classes", case.classes), ("dim", case.dim), ("images", case.images), ("case", name)):
        rows.insert(0, column, value)
    return rows


def main() -> None:
    """Measure, print a table, write a CSV."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cases", nargs="+", choices=tuple(SIZES), default=["cub"], help="default: cub")
    parser.add_argument("--what", nargs="+", choices=("choose_expansion", *METHODS), default=None, help="default: all")
    parser.add_argument("--images", type=counted, default=None, help="at most so many images, for a try")
    parser.add_argument("--out", type=Path, default=None, help="CSV (benchmarks/results/training_free-cpu.csv)")
    parser.add_argument("--measure", nargs=2, metavar=("CASE", "WHAT"), help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.measure:
        print(json.dumps(measure(*arguments.measure, arguments.images)))
        return
    rows = pd.concat([rows_of(name, arguments.images, arguments.what) for name in arguments.cases], ignore_index=True)
    print(rows.to_string(index=False, na_rep="-", float_format=lambda value: f"{value:.4g}"))
    write_rows(rows, arguments.out, "training_free", torch.device("cpu"))


if __name__ == "__main__":
    main()
