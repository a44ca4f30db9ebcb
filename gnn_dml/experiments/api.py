"""A run and a study in one call each, ending in a DataFrame; what the commands `train` and `ablate` do.

>>> from gnn_dml.experiments import run_study, train
>>> small = ["backbone.width=4", "backbone.dim=16", "protocol.epochs=1", "pictures=false", "device=cpu", f"out={tmp}"]
>>> frame = train(["graph=knn", *small])
>>> frame[["cell", "status"]].to_dict("records")
[{'cell': 'knn', 'status': 'finished'}]
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gnn_dml.config.names import open_config_dirs
from gnn_dml.errors import UserError
from gnn_dml.experiments.choose_recipe import choose_settings
from gnn_dml.experiments.finished import finished_row
from gnn_dml.experiments.reuse import find_run
from gnn_dml.experiments.study import Study
from gnn_dml.experiments.study_queue import ended_row, open_queue, say_all
from gnn_dml.experiments.worker import Job
from gnn_dml.text import show_text

if TYPE_CHECKING:
    import pandas as pd

    from gnn_dml.experiments.launch import OnStatus
    from gnn_dml.experiments.run import OnEpoch, OnStart

Config = dict[str, Any]
OnRun = Callable[[Config, int, int], "OnStart | None"]
"""Called before a run with its settings, its number and how many there are; returns what watches its batches."""

OnRow = Callable[[dict[str, Any], int, int, bool], object]
"""Called after a run with its row, its number, how many there are, and whether it was there already."""


def train(
    settings: Sequence[str] = (),
    *,
    recipe: str | None = None,
    config_dirs: Sequence[str | Path] = (),
    on_start: OnStart | None = None,
    on_epoch: OnEpoch = lambda row: None,
    on_settings: Callable[[Config], object] = lambda config: None,
    say: Callable[[str], object] = lambda sentence: None,
) -> pd.DataFrame:
    """Train and test one configuration, or find it done.

    Args:
        settings: As typed behind `gnn-dml train`: GROUP=NAME and GROUP.SETTING=VALUE.
        recipe: "full", "small" or "frozen" (`gnn_dml.config.recipes`); None as is sensible on this machine, see
            `gnn_dml.experiments.choose_recipe.choose_settings`.
        config_dirs: Folders with YAMLs and classes of the user's own.
        on_start: For progress bars; see `gnn_dml.experiments.run.OnStart`.
        on_epoch: For a line per epoch; see `gnn_dml.experiments.run.OnEpoch`.
        on_settings: Called with the resolved settings before they are trained; not if that was done before.
        say: Called with a sentence where settings were chosen, another process is waited for, or an interrupted run
            begins anew.

    Returns:
        One row with the columns of `gnn_dml.columns`. In its `attrs` the `folder` of the run, whether it was
        `reused`, and in `unwritten` a sentence for each table or picture that could not be written, which is a warning
        too.

    Raises:
        UserError: If a setting is wrong, or a file cannot be read or written.
    """
    chosen = choose_settings(settings, recipe=recipe, config_dirs=open_config_dirs(config_dirs))
    # Loaded late: whatever is wrong with the settings has been said by now.
    from gnn_dml.experiments.cell_files import write_cell
    from gnn_dml.experiments.execute import execute
    from gnn_dml.results import collect

    for sentence in chosen.sentences:
        say(sentence)
    config = chosen.config
    try_to_build([config])
    if finished_row(find_run(config)) is None:
        on_settings(config)
    unwritten: list[str] = []
    row, reused = execute(config, on_start, on_epoch=on_epoch, on_wait=say, say=say, on_unwritten=unwritten.append)
    folder = find_run(config)
    _note(unwritten, lambda: write_cell(folder, config, run_label(chosen.settings)))
    frame = collect(folder.parent, on_unwritten=unwritten.append)
    say_all(frame.attrs["damaged"], say)
    found: pd.DataFrame = frame[frame["run_id"] == row["run_id"]].reset_index(drop=True)
    found.attrs |= {"folder": str(folder), "reused": reused, "unwritten": _warned(unwritten)}
    return found


def run_study(
    study: str | Study,
    *,
    seeds: Sequence[int] | None = None,
    settings: Sequence[str] = (),
    config_dirs: Sequence[str | Path] = (),
    only: Sequence[str] = (),
    retry_failed: bool = False,
    jobs: int = 1,
    launcher: str | None = None,
    launch: Mapping[str, Any] | None = None,
    on_run: OnRun | None = None,
    on_row: OnRow | None = None,
    on_epoch: OnEpoch = lambda row: None,
    on_plan: Callable[[int, int], object] = lambda number, total: None,
    on_status: OnStatus | None = None,
    on_failed: Callable[[Config, Exception], object] = lambda config, error: None,
    say: Callable[[str], object] = lambda sentence: None,
) -> pd.DataFrame:
    """Run what a study lacks; several processes on one folder share the work.

    Args:
        study: The name of one of the package or of the user's own, the path of a YAML file, or a `Study`.
        seeds: In the place of the study's own.
        settings: For every cell, as typed behind `gnn-dml ablate STUDY`.
        config_dirs: Folders with YAMLs and classes of the user's own.
        only: Cells to run, by name; all where there are none.
        retry_failed: Try runs again that have failed before.
        jobs: Processes that share the runs, on this machine or where the launcher starts them.
        launcher: None, "slurm" (an array of jobs, by submitit) or "ray" (tasks of a cluster).
        launch: What the launcher is told, for instance {"slurm_partition": "gpu", "gpus_per_node": 1} or
            {"address": "auto", "num_gpus": 1}.
        on_run: For progress bars, where this process runs the study alone.
        on_row: Likewise, after each run, in any case.
        on_epoch: For a line per epoch, where this process runs the study alone.
        on_plan: Called while the runs are planned, with how many are and of how many.
        on_status: Called every second or so with the `gnn_dml.experiments.status.StudyStatus`, where others run it.
        on_failed: Called where a run ends in an error, before that is written; what it raises ends the study.
        say: Called with a sentence where another process is waited for, or an interrupted run begins anew.

    Returns:
        A row per cell and seed, with the columns of `gnn_dml.columns`. In its `attrs` the `folder` of the study, and
        `unwritten` as for `train`. A run that ended in an error has the status "failed" and an `error`.

    Raises:
        UserError: If a setting of any cell is wrong, before the first run starts; if a file cannot be read or written.
    """
    from gnn_dml.experiments.launch import check_launch, run_elsewhere
    from gnn_dml.experiments.run_all import run_all

    check_launch(jobs, launcher, launch)
    queue = open_queue(
        study, seeds=seeds, settings=settings, config_dirs=config_dirs, only=only, on_plan=on_plan, say=say
    )
    configs, unwritten = queue.configs, queue.unwritten
    try_to_build(configs, study=queue.study.name)
    queue.announce(retry_failed=retry_failed)
    numbers = {id(config): number for number, config in enumerate(configs, start=1)}

    def start(config: Config) -> OnStart | None:
        return on_run(config, numbers[id(config)], len(configs)) if on_run else None

    if jobs == 1 and launcher is None:
        done = run_all(
            configs,
            on_run=start,
            on_epoch=on_epoch,
            on_wait=say,
            say=say,
            on_unwritten=unwritten.append,
            on_failed=on_failed,
        )
    else:
        job = Job(
            study=queue.study,
            seeds=tuple(seeds or queue.study.seeds),
            settings=tuple(settings),
            config_dirs=tuple(str(Path(folder).absolute()) for folder in config_dirs),
            only=tuple(only),
        )
        done = run_elsewhere(queue, job, jobs, launcher, launch or {}, on_status=on_status, say=say)
    rows: list[dict[str, Any]] = []
    for config, row, reused in done:
        rows.append(queue.record(config, row))
        if on_row is not None:
            on_row(rows[-1], numbers[id(config)], len(configs), reused)
    frame = queue.collect([row["run_id"] for row in rows], say)
    frame.attrs |= {"folder": str(queue.folder), "unwritten": _warned(unwritten)}
    return frame


def _note(unwritten: list[str], write: Callable[[], object]) -> None:
    """Write, or note why it cannot be: what is said of runs that are done does not end a study."""
    try:
        write()
    except UserError as error:
        unwritten.append(str(error))


def _warned(unwritten: Sequence[str]) -> list[str]:
    """The sentences, each once, as warnings too: nobody has to look into `attrs`."""
    found = list(dict.fromkeys(unwritten))
    for sentence in found:
        warnings.warn(show_text(sentence), stacklevel=3)
    return found


def try_to_build(configs: Sequence[Config], *, study: str | None = None) -> None:
    """Build every part of the runs that are not finished, once and without data, before anything is written.

    Args:
        configs: Resolved.
        study: Its name, to say which cell it is that cannot work.

    Raises:
        UserError: What the class says that refuses, after the setting that it comes from.
    """
    unfinished = [config for config in configs if ended_row(config) is None]
    if not unfinished:
        return
    from gnn_dml.experiments.dry_build import DryBuild

    attempt = DryBuild()
    for config in unfinished:
        try:
            attempt(config)
        except UserError as error:
            if study is None:
                raise
            raise UserError(f"cell {config['cell']!r} of the study {study}: {error}") from error


def run_label(settings: Sequence[str]) -> str:
    """The settings that tell this row from others: all but what names its cell, its seed or a machine."""
    own = {"graph", "dataset", "seed", "cell", "study_name", "device", "out", "pictures", "workers"}
    return " ".join(setting for setting in settings if setting.split("=")[0] not in own)
