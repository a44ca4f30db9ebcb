"""Time and peak memory of one training step of a module, on the CPU and on CUDA."""

from __future__ import annotations

import argparse
import contextlib
import io
import json
import multiprocessing
import os
import runpy
import statistics
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import pandas as pd
import psutil
import torch
from torch import Tensor, nn

Step = Callable[[], None]

FEWEST = 3
"""Times that a step is timed at least, however long it takes."""

ROUNDS = 40
"""Turns of each step in `interleaved`, if the time allows as many."""


def training_step(call: Callable[[], Tensor], leaves: list[Tensor]) -> Step:
    """Forward and backward from the sum of the output; gradients of an earlier step are freed first."""

    def step() -> None:
        for leaf in leaves:
            leaf.grad = None
        call().float().sum().backward()

    return step


def step_of(module: nn.Module, x: Tensor, *arguments: object) -> Step:
    """The training step of `module(x, *arguments)`, with gradients of its parameters and of `x`."""
    return training_step(lambda: module(x, *arguments), [x, *module.parameters()])


def in_a_process(script: str, *arguments: str) -> dict[str, object]:
    """What a script prints as JSON on its last line, in a process of its own.

    Where there is such, the process is forked from a server that has loaded the script and computed nothing: its memory
    is that of a new interpreter, and starting it is not paid each time.
    """
    method = "forkserver" if "forkserver" in multiprocessing.get_all_start_methods() else "spawn"
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context(method)) as pool:
        return pool.submit(_last_line, script, arguments).result()


def _last_line(script: str, arguments: tuple[str, ...]) -> dict[str, object]:
    sys.argv[:] = [script, *arguments]
    with contextlib.redirect_stdout(io.StringIO()) as printed:
        runpy.run_path(script, run_name="__main__")
    found: dict[str, object] = json.loads(printed.getvalue().splitlines()[-1])
    return found


def milliseconds(step: Step, device: torch.device) -> float:
    """Duration of one step: by device events on CUDA, by the clock elsewhere."""
    if device.type == "cuda":
        start, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
        start.record()
        step()
        end.record()
        torch.cuda.synchronize(device)
        return float(start.elapsed_time(end))
    begun = time.perf_counter()
    step()
    return (time.perf_counter() - begun) * 1e3


def peak_mebibytes(step: Step, leaves: list[Tensor], device: torch.device) -> float:
    """The most memory that one step holds above what was there before it, gradients included."""
    for leaf in leaves:
        leaf.grad = None
    if device.type == "cuda":
        step()  # libraries take their workspaces once
        for leaf in leaves:
            leaf.grad = None
        torch.cuda.synchronize(device)
        torch.cuda.reset_peak_memory_stats(device)
        before = torch.cuda.memory_allocated(device)
        step()
        torch.cuda.synchronize(device)
        return (torch.cuda.max_memory_allocated(device) - before) / 2**20
    # Every allocation and release of torch's allocator, in their order.
    with quiet_profiler() as profiler:
        step()
    live = most = 0
    events = [event for event in profiler.profiler.kineto_results.events() if event.name() == "[memory]"]
    for event in sorted(events, key=lambda event: event.start_ns()):
        live += event.nbytes()
        most = max(most, live)
    return most / 2**20


@contextlib.contextmanager
def quiet_profiler() -> Iterator[torch.profiler.profile]:
    """The profiler of torch with memory; what its native code writes to stderr is dropped."""
    saved, sink = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    os.dup2(sink, 2)
    try:
        with torch.profiler.profile(activities=[torch.profiler.ProfilerActivity.CPU], profile_memory=True) as profiler:
            yield profiler
    finally:
        os.dup2(saved, 2)
        os.close(saved)
        os.close(sink)


def interleaved(steps: Mapping[str, Step], device: torch.device, *, seconds: float) -> dict[str, float]:
    """Median milliseconds of each step, taken in turns so that a slow moment of the machine meets all alike.

    A turn lasts about 50 ms, so that a short step is timed with its own data in the caches, as it would be in a loop.

    Args:
        steps: By name; each is run once before any is timed.
        device: Where they run.
        seconds: About how long to measure in all; every step is timed at least three times.
    """
    share = seconds * 1e3 / max(1, len(steps))
    last = {name: milliseconds(step, device) for name, step in steps.items()}
    taken: dict[str, list[float]] = {name: [] for name in steps}
    for _ in range(ROUNDS):
        for name, step in steps.items():
            for _ in range(max(1, min(20, int(50 / last[name])))):
                if len(taken[name]) >= FEWEST and sum(taken[name]) + last[name] > share:
                    break
                last[name] = milliseconds(step, device)
                taken[name].append(last[name])
    return {name: statistics.median(found) for name, found in taken.items()}


def free_mebibytes(device: torch.device) -> float:
    """Memory that can still be had."""
    if device.type == "cuda":
        torch.cuda.empty_cache()  # what torch keeps for later counts as used
        return torch.cuda.mem_get_info(device)[0] / 2**20
    return psutil.virtual_memory().available / 2**20


def pick(name: str) -> torch.device:
    """The device of that name, made the current one: events are recorded on the current device's stream."""
    device = torch.device(name)
    if device.type == "cuda":
        torch.cuda.set_device(device.index or 0)  # torch 2.11 wants a number
    return device


def counted(text: str) -> int:
    """For argparse: one number of at least 1."""
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"must be a whole number of at least 1, not {text!r}")
    return int(text)


def whole_numbers(text: str) -> list[int]:
    """For argparse: numbers of at least 1 with commas between."""
    try:
        found = [int(part) for part in text.split(",")]
    except ValueError:
        found = [0]
    if min(found) < 1:
        raise argparse.ArgumentTypeError(f"must be whole numbers of at least 1 with commas between, not {text!r}")
    return found


def describe(device: torch.device) -> str:
    """The device, for the head of a table."""
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    return f"CPU, {torch.get_num_threads()} threads"


def write_rows(rows: pd.DataFrame, out: Path | None, name: str, device: torch.device) -> None:
    """Write `out`, or benchmarks/results/NAME-DEVICE.csv, with the device and torch's version in every row."""
    out = out or Path(__file__).parent / "results" / f"{name}-{device.type}.csv"
    out.parent.mkdir(parents=True, exist_ok=True)
    rows.insert(0, "device", describe(device))
    rows.insert(1, "torch", torch.__version__)
    rows.to_csv(out, index=False)
    print(f"\nrows {out}")
