"""One run: a resolved configuration in, a folder with its files and one row out."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import torch
import yaml

from gnn_dml.atomic import sweep_partials
from gnn_dml.config.identity import counted_settings, digest, file_sha256
from gnn_dml.data.images import ImageSplit
from gnn_dml.errors import UserError
from gnn_dml.evaluation.embed import Embeddings
from gnn_dml.evaluation.expand import ExpansionOptions
from gnn_dml.experiments.build import Config, RunSplits, build_data, build_learner, build_trainer
from gnn_dml.experiments.checkpoint import Checkpoint, read_checkpoint, snapshot
from gnn_dml.experiments.choice import best_epoch, weaknesses
from gnn_dml.experiments.claim import BEAT, Claim, ClaimLostError
from gnn_dml.experiments.files import load_undamaged, save, write_json, write_rows, write_text, write_whole
from gnn_dml.experiments.finished import finished_row
from gnn_dml.experiments.measure import Measured, class_rows, measure
from gnn_dml.experiments.resume import check_settings, load_trainer
from gnn_dml.experiments.reuse import run_folder
from gnn_dml.experiments.row import make_row
from gnn_dml.experiments.sample_queries import write_neighbours
from gnn_dml.experiments.start_from import load_start, without_download
from gnn_dml.experiments.validate import best_expansion, validate, with_choice_of
from gnn_dml.experiments.watch import PATIENCE, OnWait, wait_for_claim
from gnn_dml.losses import Losses
from gnn_dml.training.device import pick_device, seed_everything
from gnn_dml.training.learner import Learner
from gnn_dml.training.trainer import Diverged, Trainer

OnStart = Callable[[int, int], Callable[[float], None]]
"""Called with (batches in all, batches already done); returns what is called with the loss of each batch."""

OnEpoch = Callable[[dict[str, Any]], object]
"""Called after every epoch with its row of metrics.csv."""


WEIGHTS = ("best.pt", "last.pt")


@dataclass
class Run:
    """One run in its folder.

    Args:
        config: Resolved: plain values, no interpolation.
        on_start: For progress bars; see `OnStart`.
        on_epoch: For a line per epoch; see `OnEpoch`.
        on_wait: Called once with a sentence if another process is at work on the run.
        say: Called with a sentence if an interrupted run cannot be gone on with or a part of the data tells little, and
            with one about how the images were found to lie and what was passed over.
        on_unwritten: Called with a sentence if metrics.csv or classes.csv cannot be written at the end, for instance
            because another program holds it open; without it that is an error.
        beat: Seconds between two signs of life; see `gnn_dml.experiments.claim`.
        patience: Seconds without one after which another process counts as dead.

    Attributes:
        folder: Of the run.
        device: Where it runs.
        reused: Whether the run was finished already, or another process has finished it meanwhile.
    """

    config: Config
    on_start: OnStart | None = None
    on_epoch: OnEpoch = lambda row: None
    on_wait: OnWait | None = None
    say: Callable[[str], object] = lambda sentence: None
    on_unwritten: Callable[[str], object] | None = None
    beat: float = BEAT
    patience: float = PATIENCE
    folder: Path = field(init=False)
    device: torch.device = field(init=False)
    reused: bool = field(init=False, default=False)
    _start: float = field(init=False, default=0.0)
    _earlier: float = field(init=False, default=0.0)  # seconds of sessions before an interruption
    _best_sum: str | None = field(init=False, default=None)  # checksum of best.pt as this run wrote it
    _claim: Claim | None = field(init=False, default=None)

    def __post_init__(self) -> None:
        self.folder = run_folder(self.config)
        self.device = pick_device(self.config["device"])

    def execute(self) -> dict[str, Any]:
        """The row of the run: read if it is finished, else trained and tested, by one process at a time.

        Raises:
            UserError: If the configuration asks for something that cannot be done, or a file cannot be read or written.
            ClaimLostError: If another process has taken the run over; `gnn_dml.experiments.run_all` then looks again.
        """
        if (row := self._finished()) is not None:
            return row
        with wait_for_claim(self.folder, on_wait=self.on_wait, beat=self.beat, patience=self.patience) as claim:
            return self.execute_claimed(claim)

    def execute_claimed(self, claim: Claim) -> dict[str, Any]:
        """As `execute`, in a folder that this process has claimed.

        Raises:
            ClaimLostError: If another process has taken it over; nothing was written since.
        """
        self._claim = claim
        if (row := self._finished()) is not None:
            self._path("resume.pt").unlink(missing_ok=True)
            return row
        return self._run()

    def _finished(self) -> dict[str, Any] | None:
        row = finished_row(self.folder)
        self.reused = row is not None
        return row

    def _run(self) -> dict[str, Any]:
        """Train, choose, test; resume after the last finished epoch if the run was interrupted."""
        self._start, self._earlier, self._best_sum = time.perf_counter(), 0.0, None
        data, learner, trainer = self._make()
        if said := data.found.describe():
            self.say(f"dataset={self.config['choices']['dataset']}: {said}")
        sweep_partials(self.folder)
        rows: list[dict[str, Any]] = []
        if trainer is not None and self._path("resume.pt").is_file():
            try:
                rows = self._resume(trainer, data)
            except UserError:
                raise
            except Exception as error:  # whatever a damaged file raises
                self.say(f"{self._path('resume.pt')} cannot be used ({error}); the run begins anew")
                self._earlier, self._best_sum = 0.0, None
                data, learner, trainer = self._make()
        for weakness in weaknesses(self.config["protocol"], data) if not rows else ():
            self.say(weakness)
        # Whatever the settings get wrong has been said by now; from here on there are files.
        text = yaml.safe_dump(dict(self.config), sort_keys=False)
        write_text(self._path("config.yaml"), text, confirm=self._confirm)
        status, measured = "finished", {}
        try:
            if trainer is None:
                self._untrained(learner, data)
            else:
                self._train(trainer, data, rows)
            measured = self._test(data, rows)
        except Diverged as event:
            status = "diverged"
            write_text(self._path("diverged.txt"), f"{event}\n", confirm=self._confirm)
        seconds = self._earlier + time.perf_counter() - self._start
        row = make_row(self.config, learner, self.device, status, rows, measured, seconds=seconds, data=data)
        row["weights"] = {name: file_sha256(self._path(name)) for name in WEIGHTS if self._path(name).is_file()}
        write_json(self._path("result.json"), row, confirm=self._confirm)
        for name in ("resume.pt", *(["diverged.txt"] if status == "finished" else [])):
            self._path(name).unlink(missing_ok=True)
        return row

    def _make(self) -> tuple[RunSplits, Learner, Trainer | None]:
        """What a run begins with; always the same."""
        seed_everything(self.config["seed"])
        data = build_data(self.config)
        learner = build_learner(without_download(self.config), data.train.num_classes)
        learner = learner.to(self.device).to(memory_format=torch.channels_last)
        trained = self.config["protocol"]["epochs"] > 0
        if self.config.get("start_from") is not None:
            self.say(load_start(learner, self.config))
        return data, learner, build_trainer(self.config, learner, data, self.device) if trained else None

    def _untrained(self, learner: Learner, data: RunSplits) -> None:
        """Nothing to train: the learner as it was made is both the best and the last."""
        for name in WEIGHTS:
            self._write(name, self._snapshot(learner, data, 0))

    def _train(self, trainer: Trainer, data: RunSplits, rows: list[dict[str, Any]]) -> None:
        """Train with a validation and a checkpoint after every epoch, adding a row per epoch."""
        total = self.config["protocol"]["epochs"]
        if self.on_start is not None:
            trainer.on_batch = self.on_start(*(trainer.loader.steps(epochs) for epochs in (total, trainer.finished)))
        self._reload(trainer)
        for report in trainer.epochs(total):
            rows.append({**report.row(), **self._validate(trainer.learner, data)})
            self._keep(trainer, data, rows)
            self.on_epoch(rows[-1])
            self._reload(trainer)

    def _reload(self, trainer: Trainer) -> None:
        """Take the best weights so far where the next epoch begins with them; optimiser and losses stay as they are.

        What an epoch leaves behind is written before, so a run that is resumed comes by here again.
        """
        protocol = self.config["protocol"]
        if trainer.finished < protocol["epochs"] and trainer.finished + 1 in protocol["reload"]:
            best = read_checkpoint(self._path("best.pt"), typed=self.config)
            trainer.learner.load_state_dict(best.weights)

    def _resume(self, trainer: Trainer, data: RunSplits) -> list[dict[str, Any]]:
        """Go on from an interrupted run; its rows so far.

        Raises:
            Exception: Of many kinds, if the file is damaged, of other settings, or not of the weights beside it.
        """
        state = load_undamaged(self._path("resume.pt"))
        rows: list[dict[str, Any]] = state["rows"]
        check_settings(self._path("resume.pt"), state, self.config)
        load_trainer(self._path("resume.pt"), state, trainer)
        best = self._path("best.pt")
        if self._best(rows) != trainer.finished and not (best.is_file() and file_sha256(best) == state["best"]):
            raise ValueError("best.pt beside it is missing or has changed")
        self._earlier, self._best_sum = state["seconds"], state["best"]
        self._write_epoch(trainer, data, rows)
        return rows

    def _keep(self, trainer: Trainer, data: RunSplits, rows: list[dict[str, Any]]) -> None:
        """Write what the epoch just finished leaves behind.

        The state comes first and decides: what follows can be written again from it, and is when the run is resumed.
        """
        state = {
            "trainer": trainer.state_dict(),
            "rows": rows,
            "seconds": self._earlier + time.perf_counter() - self._start,
            "config": digest(self.config),
            "settings": counted_settings(self.config),
            "best": self._best_sum,
        }
        save(self._path("resume.pt"), state, confirm=self._confirm)
        self._write_epoch(trainer, data, rows)

    def _write_epoch(self, trainer: Trainer, data: RunSplits, rows: list[dict[str, Any]]) -> None:
        checkpoint = self._snapshot(trainer.learner, data, trainer.finished, trainer.step.losses)
        checkpoint = replace(checkpoint, config=with_choice_of(self.config, rows, trainer.finished))
        if self._best(rows) == trainer.finished:
            self._best_sum = self._write("best.pt", checkpoint)
        self._write("last.pt", checkpoint)
        self._write_table("metrics.csv", rows, last=trainer.finished == self.config["protocol"]["epochs"])

    def _write_table(self, name: str, rows: list[dict[str, Any]], *, last: bool) -> None:
        """Rows so far; they stand in resume.pt or can be had again, so the run goes on if they cannot be written.

        It is said at the end alone, since another program may hold the file open for a while.
        """
        try:
            write_rows(self._path(name), rows, confirm=self._confirm)
        except ClaimLostError:
            raise
        except UserError as error:
            if self.on_unwritten is None:
                raise
            if last:
                self.on_unwritten(str(error))

    def _best(self, rows: list[dict[str, Any]]) -> int:
        return best_epoch(rows, self.config["protocol"])

    def _path(self, name: str) -> Path:
        return self.folder / name

    def _confirm(self) -> None:
        if self._claim is not None:
            self._claim.confirm()

    def _write(self, name: str, checkpoint: Checkpoint) -> str:
        """Write a checkpoint; the checksum of its file."""
        path = self._path(name)
        write_whole(path, checkpoint.write, confirm=self._confirm)
        return file_sha256(path)

    def _snapshot(self, learner: Learner, data: RunSplits, epoch: int, losses: Losses | None = None) -> Checkpoint:
        return snapshot(self.config, learner, epoch, data.train.num_classes, losses)

    def _validate(self, learner: Learner, data: RunSplits) -> dict[str, float | None]:
        """The selection metrics; Diverged if the weights give no numbers any more."""
        return validate(self.config, learner, data, self.device)

    def _test(self, data: RunSplits, rows: list[dict[str, Any]]) -> dict[str, Any]:
        """The test metrics of the chosen epoch, and with the prefix `last_` those of the last one."""
        chosen, last = (self._trusted(name, rows) for name in WEIGHTS)
        known = {"chosen_epoch": chosen.epoch, "test_neighbours": chosen.config["protocol"]["neighbours"]}
        test = data.test
        if test is None:
            return known
        expansion = best_expansion(self.config, chosen.learner(), data, self.device)
        found = self._measure(chosen, test, data, expansion)
        at_last = found if last.epoch == chosen.epoch else self._measure(last, test, data, expansion)
        write_whole(
            self._path("neighbours.npz"),
            lambda path: write_neighbours(path, found.embeddings.backbone, test, data.transforms.evaluate),
            confirm=self._confirm,
        )
        self._write_table("classes.csv", class_rows(found.classes, test), last=True)
        return {
            **known,
            "expansion": "" if expansion is None else str(expansion),
            **found.figures,
            **{f"last_{name}": value for name, value in at_last.figures.items()},
        }

    def _trusted(self, name: str, rows: list[dict[str, Any]]) -> Checkpoint:
        """A checkpoint of this run, under the run's own settings and what its epoch chose for the test."""
        found = read_checkpoint(self._path(name), typed=self.config)
        return replace(found, config=with_choice_of(self.config, rows, found.epoch))

    def _measure(
        self, checkpoint: Checkpoint, test: ImageSplit, data: RunSplits, expansion: ExpansionOptions | None
    ) -> Measured:
        """Diverged if the weights give no numbers on the test images."""

        def check(found: Embeddings) -> None:
            if not found.finite:
                raise Diverged("the embeddings of the test images hold NaN or infinity")

        return measure(
            checkpoint,
            test,
            data.transforms,
            self.device,
            expansion=expansion,
            workers=self.config["workers"],
            check=check,
            # A training has a bar of its own, and is long beside this.
            progress=None if self.config["protocol"]["epochs"] else "embedding the test images",
        )
