"""The whole training loop against the bare step of the same CNN and refiner.

    python benchmarks/training_step.py                     # small CNN and ResNet-18, embedded emoji: 4 minutes
    python benchmarks/training_step.py --device cuda

The bare step is forward, cross-entropy on both branches, backward and AdamW on one batch that is there already, in
a few lines of torch. The loop loads and augments every batch, guards against losses that are no numbers, sums them,
steps the schedule and takes the vital signs of the refiner. Its parts are timed alone. Everything takes turns.
"""

from __future__ import annotations

import argparse
import copy
import statistics
from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import torch
from measure import counted, describe, milliseconds, pick, write_rows
from torch.nn.functional import cross_entropy

from gnn_dml.config.compose import resolve
from gnn_dml.data import TrainLoader
from gnn_dml.data.batch import Batch
from gnn_dml.experiments.build import build_data, build_learner, build_trainer
from gnn_dml.training import Trainer
from gnn_dml.training.purity import measured_batches
from gnn_dml.training.vital_signs import VitalSigns

CNNS = {"small CNN": [], "ResNet-18": ["backbone=resnet18", "backbone.weights=null"]}


class First:
    """The first batches of an epoch."""

    def __init__(self, sampler: torch.utils.data.Sampler[list[int]], batches: int) -> None:
        self.sampler = sampler
        self.batches = batches

    def set_epoch(self, epoch: int) -> None:
        """As of any sampler."""
        self.sampler.set_epoch(epoch)

    def __len__(self) -> int:
        return min(self.batches, len(self.sampler))

    def __iter__(self) -> Iterator[list[int]]:
        for _, batch in zip(range(len(self)), self.sampler, strict=False):
            yield batch


def make_trainer(settings: list[str], device: torch.device, batches: int) -> Trainer:
    """A trainer whose epochs have at most so many batches."""
    config = resolve([*settings, f"device={device.type}", "protocol.epochs=1000"])
    data = build_data(config)
    learner = build_learner(config, data.train.num_classes).to(device).to(memory_format=torch.channels_last)
    trainer = build_trainer(config, learner, data, device)
    trainer.loader = TrainLoader(trainer.loader.images, First(trainer.loader.sampler, batches))
    return trainer


def measure(trainer: Trainer, device: torch.device, rounds: int) -> dict[str, float]:
    """Median milliseconds of a batch in the loop, in the bare step and in the parts of the loop."""
    batches = len(trainer.loader)
    loaded = next(iter(trainer.loader.epoch(1)))
    images = trainer.finish(loaded.images.to(device)).contiguous(memory_format=torch.channels_last)
    batch = Batch(images, loaded.labels.to(device), loaded.positions.to(device))
    bare_learner, part = copy.deepcopy(trainer.learner), copy.deepcopy(trainer.step)
    optimizer = torch.optim.AdamW(bare_learner.parameters(), lr=1e-4)
    meter = VitalSigns(trainer.learner.refiner, trainer.step.losses)

    def bare() -> None:
        out = bare_learner(batch.images, batch.labels)
        loss = sum(cross_entropy(z, batch.labels, label_smoothing=0.1) for z in (out[0].logits, *out[1].logits))
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        optimizer.step()

    def loop() -> None:
        for _ in trainer.epochs(trainer.finished + 1):
            pass

    def load() -> None:
        for found in trainer.loader.epoch(1):
            trainer.finish(found.images.to(device))

    def step() -> None:
        part(batch)

    def observe() -> None:
        output = trainer.learner(batch.images, batch.labels)
        terms = trainer.step.losses(output.backbone, output.refined, batch.labels)
        taken["measuring"].append(milliseconds(lambda: meter.observe(output, terms, batch.labels), device))

    taken: dict[str, list[float]] = {name: [] for name in ("bare", "loop", "loading", "step", "measuring")}
    for number in range(rounds + 1):  # the first round warms everything up
        for _ in range(batches):
            taken["bare"].append(milliseconds(bare, device))
        taken["loop"].append(milliseconds(loop, device) / batches)
        taken["loading"].append(milliseconds(load, device) / batches)
        for _ in range(max(1, batches // 2)):
            taken["step"].append(milliseconds(step, device))
        observe()
        observe()
        if number == 0:
            taken = {name: [] for name in taken}
    found = {name: statistics.median(times) for name, times in taken.items()}
    return {**found, "measuring": found["measuring"] * len(measured_batches(batches)) / batches}


def main() -> None:
    """Measure, print a table, write a CSV."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--batches", type=counted, default=44, help="of an epoch, at most (%(default)s)")
    parser.add_argument("--rounds", type=counted, default=5, help="turns of everything (%(default)s)")
    parser.add_argument("--cnns", nargs="+", choices=list(CNNS), default=list(CNNS), help="(both)")
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu", help="(%(default)s)")
    parser.add_argument("--out", type=Path, default=None, help="CSV (benchmarks/results/training_step-DEVICE.csv)")
    arguments = parser.parse_args()
    device = pick(arguments.device)
    rows = []
    for name in arguments.cnns:
        trainer = make_trainer(CNNS[name], device, arguments.batches)
        found = measure(trainer, device, arguments.rounds)
        times = {f"{part}_ms": round(value, 3) for part, value in found.items()}
        ratios = {
            "loop_over_bare": round(found["loop"] / found["bare"], 3),
            "loading_share": round(found["loading"] / found["bare"], 3),
            "step_over_bare": round(found["step"] / found["bare"], 3),
            "measuring_share": round(found["measuring"] / found["bare"], 4),
        }
        rows.append({"cnn": name, "batches": len(trainer.loader), **times, **ratios})
    frame = pd.DataFrame(rows)
    print(f"{describe(device)}; torch {torch.__version__}; batches of 64 emoji of 64 px, complete graph; ms a batch\n")
    print(f"{'CNN':<12}{'bare':>8}{'loop':>8}{'ratio':>7}   {'loading':>8}{'step':>8}{'measuring':>11}{'of bare':>9}")
    for row in rows:
        print(
            f"{row['cnn']:<12}{row['bare_ms']:>8.1f}{row['loop_ms']:>8.1f}{row['loop_over_bare']:>7.2f}   "
            f"{row['loading_ms']:>8.1f}{row['step_ms']:>8.1f}{row['measuring_ms']:>11.2f}"
            f"{100 * row['measuring_share']:>8.1f}%"
        )
    write_rows(frame, arguments.out, "training_step", device)


if __name__ == "__main__":
    main()
