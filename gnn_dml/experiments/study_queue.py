"""The runs of a study as a queue that lies in its folder: what is asked for, what is done, and the rows of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gnn_dml.config.names import open_config_dirs
from gnn_dml.errors import UserError
from gnn_dml.experiments.failed import failed_row, forget_failed
from gnn_dml.experiments.finished import finished_row
from gnn_dml.experiments.reuse import find_run, run_folder
from gnn_dml.experiments.study import Study, choose_cells, overrides_label, plan, read_study
from gnn_dml.experiments.study_files import read_study_file, write_plan, write_study

if TYPE_CHECKING:
    import pandas as pd

Config = dict[str, Any]
Say = Callable[[str], object]


@dataclass
class StudyQueue:
    """The runs of a study.

    Args:
        study: What it is.
        planned: All of its runs, resolved.
        configs: Those of them that are asked for, in their order.
        settings: As typed for every cell.

    Attributes:
        folder: Of the study.
        label: What its rows say was typed for all of it.
        unwritten: A sentence for each file that could not be written though its run is done.
    """

    study: Study
    planned: list[Config]
    configs: list[Config]
    settings: Sequence[str] = ()
    folder: Path = field(init=False)
    label: str = field(init=False)
    unwritten: list[str] = field(init=False, default_factory=list)

    def __post_init__(self) -> None:
        self.folder = Path(self.planned[0]["out"]) / self.study.name
        self.label = " ".join(filter(None, (self.study.tuned, overrides_label(self.settings))))

    def announce(self, *, retry_failed: bool = False) -> None:
        """Write what the study is and which runs it has.

        Args:
            retry_failed: Forget that runs asked for have failed.
        """
        self._note(partial(write_study, self.folder, self.study))
        self._note(partial(write_plan, self.folder, self.planned))
        if retry_failed:
            for config in self.configs:
                forget_failed(run_folder(config))

    def record(self, config: Config, row: Mapping[str, Any]) -> dict[str, Any]:
        """Say in the folder of a run that is done which cell it is; its row with that."""
        from gnn_dml.experiments.cell_files import write_cell

        typed = [*self.study.overrides, *self.study.cells[config["cell"]]]
        self._note(partial(write_cell, find_run(config), config, self.label, typed=typed))
        return {**row, "cell": config["cell"], "overrides": self.label}

    def collect(self, run_ids: Sequence[str], say: Say) -> pd.DataFrame:
        """Rebuild the study's results.csv; the rows of some runs.

        Raises:
            UserError: If no run has ended.
        """
        from gnn_dml.experiments.cell_files import mark_former, write_cell_order
        from gnn_dml.results import collect

        self._note(partial(write_cell_order, self.folder, list(self.study.cells)))
        former: list[str] = []
        self._note(lambda: former.extend(mark_former(self.folder, self.study, self.planned, self.label)))
        if former:
            say(
                f"{_count(former)} in {self.folder} of cells that the study has no more, or had with other settings, "
                f"stay there and stand in no table ({', '.join(former[:3])}{', ...' if len(former) > 3 else ''})"
            )
        collected = collect(self.folder, on_unwritten=self.unwritten.append)
        say_all(collected.attrs["damaged"], say)
        frame: pd.DataFrame = collected[collected["run_id"].isin(list(run_ids))].reset_index(drop=True)
        return frame

    def _note(self, write: Callable[[], object]) -> None:
        """Write, or note why it cannot be: what is said of runs does not end a study."""
        try:
            write()
        except UserError as error:
            self.unwritten.append(str(error))


def open_queue(
    study: str | Study,
    *,
    seeds: Sequence[int] | None = None,
    settings: Sequence[str] = (),
    config_dirs: Sequence[str | Path] = (),
    only: Sequence[str] = (),
    on_plan: Callable[[int, int], object] = lambda number, total: None,
    say: Say = lambda sentence: None,
) -> StudyQueue:
    """Plan a study and look at its folder.

    Args:
        study: A name, the path of a YAML file, or a `Study`.
        seeds: In the place of the study's own.
        settings: For every cell.
        config_dirs: Folders with YAMLs and classes of the user's own.
        only: Cells to run, by name; all where there are none.
        on_plan: See `gnn_dml.experiments.study.plan`.
        say: Called with a sentence for each run whose result cannot be read; it is left out.

    Raises:
        UserError: If a setting of a cell is wrong, there is no cell of a name, or the folder is of another version.
    """
    dirs = open_config_dirs(config_dirs)
    found = read_study(study, dirs) if isinstance(study, str) else study
    cells = choose_cells(found, only)
    planned = plan(found, seeds or found.seeds, settings, config_dirs=dirs, on_plan=on_plan)
    asked = [config for config in planned if config["cell"] in cells]
    queue = StudyQueue(found, planned, _undamaged(asked, say), settings)
    read_study_file(queue.folder)
    return queue


def ended_row(config: Config) -> dict[str, Any] | None:
    """The row of a run that finished, diverged or failed; None where it has not ended.

    Raises:
        UserError: If it cannot be read.
    """
    folder = find_run(config)
    row = finished_row(folder)
    return failed_row(folder) if row is None else row


def _undamaged(configs: Sequence[Config], say: Say) -> list[Config]:
    """The runs of a study without those whose row is there and cannot be read: these are said, and nothing is lost.

    Raises:
        UserError: If there is no other.
    """
    left, damaged = [], []
    for config in configs:
        try:
            ended_row(config)
            left.append(config)
        except UserError as error:
            damaged.append(str(error))
    if not left:
        raise UserError("; ".join(damaged))
    say_all([f"{sentence}; until then this run is left out, the others are not" for sentence in damaged], say)
    return left


def _count(runs: Sequence[str]) -> str:
    return "1 run" if len(runs) == 1 else f"{len(runs)} runs"


def say_all(sentences: Sequence[str], say: Say) -> None:
    """Each sentence once."""
    for sentence in dict.fromkeys(sentences):
        say(sentence)
