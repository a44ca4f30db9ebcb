"""One run: a resolved configuration in, a folder with its files and one row out."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
import yaml

from gnn_dml.evaluation.embed import embed
from gnn_dml.evaluation.score import score
from gnn_dml.experiments.build import Config, RunSplits, build_data, build_learner, build_neighbourhoods, build_trainer
from gnn_dml.experiments.checkpoint import Checkpoint, read_checkpoint, snapshot
from gnn_dml.experiments.files import load, save, write_json, write_rows, write_text
from gnn_dml.experiments.measure import measure
from gnn_dml.experiments.reuse import run_folder
from gnn_dml.experiments.row import make_row
from gnn_dml.experiments.sample_queries import write_neighbours
from gnn_dml.losses import Losses
from gnn_dml.training.device import pick_device, seed_everything
from gnn_dml.training.learner import Learner
from gnn_dml.training.trainer import Diverged, Trainer

OnStart = Callable[[int, int], Callable[[float], None]]
"""Called with (batches in all, batches already done); returns what is called with the loss of each batch."""


@dataclass
class Run:
    """One run in its folder.

    Args:
        config: Resolved: plain values, no interpolation.
        on_start: For progress bars; see `OnStart`.
    """

    config: Config
    on_start: OnStart | None = None
    folder: Path = field(init=False)
    device: torch.device = field(init=False)
    _start: float = field(init=False, default=0.0)
    _earlier: float = field(init=False, default=0.0)  # seconds of sessions before an interruption

    def __post_init__(self) -> None:
        self.folder = run_folder(self.config)
        self.device = pick_device(self.config["device"])

    def execute(self) -> dict[str, Any]:
        """Train, choose, test; resume after the last finished epoch if the run was interrupted.

        Returns:
            The row, which is also in `result.json`.

        Raises:
            UserError: If the configuration asks for something that cannot be done.
        """
        self._start = time.perf_counter()
        seed_everything(self.config["seed"])
        data = build_data(self.config)
        learner = build_learner(self.config, data.train.num_classes)
        learner = learner.to(self.device).to(memory_format=torch.channels_last)
        trained = self.config["protocol"]["epochs"] > 0
        trainer = build_trainer(self.config, learner, data, self.device) if trained else None
        # Whatever the settings get wrong has been said by now; from here on there are files.
        write_text(self.folder / "config.yaml", yaml.safe_dump(dict(self.config), sort_keys=False))
        status, rows = self._untrained(learner, data) if trainer is None else self._train(trainer, data)
        measured = {} if status == "diverged" else self._test(data)
        seconds = self._earlier + time.perf_counter() - self._start
        row = make_row(self.config, learner, self.device, status, rows, measured, seconds=seconds, skipped=data.skipped)
        write_json(self.folder / "result.json", row)
        (self.folder / "resume.pt").unlink(missing_ok=True)
        return row

    def _untrained(self, learner: Learner, data: RunSplits) -> tuple[str, list[dict[str, Any]]]:
        """Nothing to train: the learner as it was made is both the best and the last."""
        for name in ("best.pt", "last.pt"):
            self._snapshot(learner, data, 0).write(self.folder / name)
        return "finished", []

    def _train(self, trainer: Trainer, data: RunSplits) -> tuple[str, list[dict[str, Any]]]:
        """Train with a validation and a checkpoint after every epoch; the status and a row per epoch."""
        total = self.config["protocol"]["epochs"]
        rows = self._resume(trainer)
        if self.on_start is not None:
            trainer.on_batch = self.on_start(*(trainer.loader.steps(epochs) for epochs in (total, trainer.finished)))
        try:
            for report in trainer.epochs(total):
                rows.append({**report.row(), **self._validate(trainer.learner, data)})
                self._keep(trainer, data, rows)
        except Diverged as event:
            write_text(self.folder / "diverged.txt", f"{event}\n")
            return "diverged", rows
        return "finished", rows

    def _resume(self, trainer: Trainer) -> list[dict[str, Any]]:
        """Go on from an interrupted run, if there is one; its rows so far."""
        if not (self.folder / "resume.pt").is_file():
            return []
        state = load(self.folder / "resume.pt")
        trainer.load_state_dict(state["trainer"])
        self._earlier = state["seconds"]
        rows: list[dict[str, Any]] = state["rows"]
        return rows

    def _keep(self, trainer: Trainer, data: RunSplits, rows: list[dict[str, Any]]) -> None:
        """Write what the epoch just finished leaves behind."""
        checkpoint = self._snapshot(trainer.learner, data, trainer.finished, trainer.step.losses)
        if self._best(rows) == rows[-1]["epoch"]:
            checkpoint.write(self.folder / "best.pt")
        checkpoint.write(self.folder / "last.pt")
        write_rows(self.folder / "metrics.csv", rows)
        seconds = self._earlier + time.perf_counter() - self._start
        save(self.folder / "resume.pt", {"trainer": trainer.state_dict(), "rows": rows, "seconds": seconds})

    def _best(self, rows: list[dict[str, Any]]) -> int:
        """The first epoch with the highest selection metric."""
        key = f"{self.config['protocol']['select_on']}_{self.config['protocol']['select_by']}"
        return int(max(rows, key=lambda row: row[key])["epoch"])

    def _snapshot(self, learner: Learner, data: RunSplits, epoch: int, losses: Losses | None = None) -> Checkpoint:
        return snapshot(self.config, learner, epoch, data.train.num_classes, losses)

    def _validate(self, learner: Learner, data: RunSplits) -> dict[str, float | None]:
        """The selection metrics; Diverged if the weights give no numbers any more."""
        protocol = self.config["protocol"]
        found = embed(
            learner,
            data.select,
            data.transforms,
            self.device,
            neighbourhoods=build_neighbourhoods(protocol),
            workers=self.config["workers"],
        )
        if not found.finite:
            raise Diverged("the embeddings of the selection images hold NaN or infinity")
        measured = score(found, data.select, ks=protocol["ks"])
        return {f"{protocol['select_on']}_{name}": value for name, value in measured.items()}

    def _test(self, data: RunSplits) -> dict[str, Any]:
        """The test metrics of the chosen epoch, and with the prefix `last_` those of the last one."""
        chosen, last = (read_checkpoint(self.folder / name, typed=self.config) for name in ("best.pt", "last.pt"))
        workers = self.config["workers"]
        embeddings, measured = measure(chosen, data.test, data.transforms, self.device, workers=workers)
        at_last = measured
        if last.epoch != chosen.epoch:
            at_last = measure(last, data.test, data.transforms, self.device, workers=workers)[1]
        write_neighbours(self.folder / "neighbours.npz", embeddings.backbone, data.test, data.transforms.evaluate)
        return {
            "chosen_epoch": chosen.epoch,
            **measured,
            **{f"last_{name}": value for name, value in at_last.items()},
        }
