"""A run and a study in one call each, ending in a DataFrame; what the commands `train` and `ablate` do.

>>> from gnn_dml.experiments import run_study, train
>>> small = ["backbone.width=4", "backbone.dim=16", "protocol.epochs=1", "device=cpu", f"out={tmp}"]
>>> frame = train(["graph=knn", *small])
>>> frame[["cell", "status"]].to_dict("records")
[{'cell': 'knn', 'status': 'finished'}]
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gnn_dml.config.names import open_config_dirs
from gnn_dml.errors import UserError
from gnn_dml.experiments.choose_recipe import choose_settings
from gnn_dml.experiments.finished import finished_row
from gnn_dml.experiments.reuse import find_run
from gnn_dml.experiments.study import Study, overrides_label, plan, read_study
from gnn_dml.text import show_text

if TYPE_CHECKING:
    import pandas as pd

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
    on_run: OnRun | None = None,
    on_row: OnRow | None = None,
    on_epoch: OnEpoch = lambda row: None,
    on_plan: Callable[[int, int], object] = lambda number, total: None,
    say: Callable[[str], object] = lambda sentence: None,
) -> pd.DataFrame:
    """Run what a study lacks; several processes on one folder share the work.

    Args:
        study: The name of one of the package or of the user's own, the path of a YAML file, or a `Study`.
        seeds: In the place of the study's own.
        settings: For every cell, as typed behind `gnn-dml ablate STUDY`.
        config_dirs: Folders with YAMLs and classes of the user's own.
        on_run: For progress bars.
        on_row: Likewise, after each run.
        on_epoch: For a line per epoch; see `gnn_dml.experiments.run.OnEpoch`.
        on_plan: Called while the runs are planned, with how many are and of how many.
        say: Called with a sentence where another process is waited for, or an interrupted run begins anew.

    Returns:
        A row per cell and seed, with the columns of `gnn_dml.columns`. In its `attrs` the `folder` of the study, and
        `unwritten` as for `train`.

    Raises:
        UserError: If a setting of any cell is wrong, before the first run starts; if a file cannot be read or written.
    """
    from gnn_dml.experiments.cell_files import mark_former, write_cell, write_cell_order
    from gnn_dml.experiments.run_all import run_all
    from gnn_dml.results import collect

    dirs = open_config_dirs(config_dirs)
    found = read_study(study, dirs) if isinstance(study, str) else study
    planned = plan(found, seeds or found.seeds, settings, config_dirs=dirs, on_plan=on_plan)
    configs = _undamaged(planned, say)
    try_to_build(configs, study=found.name)
    folder = Path(configs[0]["out"]) / found.name
    label = overrides_label(settings)
    rows: list[dict[str, Any]] = []
    unwritten: list[str] = []
    numbers = {id(config): number for number, config in enumerate(configs, start=1)}

    def start(config: Config) -> OnStart | None:
        return on_run(config, numbers[id(config)], len(configs)) if on_run else None

    done = run_all(configs, on_run=start, on_epoch=on_epoch, on_wait=say, say=say, on_unwritten=unwritten.append)
    for config, row, reused in done:
        number = numbers[id(config)]
        row = {**row, "cell": config["cell"], "overrides": label}
        typed = [*found.overrides, *found.cells[config["cell"]]]
        _note(unwritten, partial(write_cell, find_run(config), config, label, typed=typed))
        rows.append(row)
        if on_row is not None:
            on_row(row, number, len(configs), reused)
    _note(unwritten, lambda: write_cell_order(folder, list(found.cells)))
    former: list[str] = []
    _note(unwritten, lambda: former.extend(mark_former(folder, found, planned, label)))
    if former:
        say(
            f"{_count(former)} in {folder} of cells that the study has no more, or had with other settings, "
            f"stay there and stand in no table ({', '.join(former[:3])}{', ...' if len(former) > 3 else ''})"
        )
    collected = collect(folder, on_unwritten=unwritten.append)
    say_all(collected.attrs["damaged"], say)
    frame: pd.DataFrame = collected[collected["run_id"].isin([row["run_id"] for row in rows])].reset_index(drop=True)
    frame.attrs |= {"folder": str(folder), "unwritten": _warned(unwritten)}
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
    unfinished = [config for config in configs if finished_row(find_run(config)) is None]
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


def _undamaged(configs: Sequence[Config], say: Callable[[str], object]) -> list[Config]:
    """The runs of a study without those whose row is there and cannot be read: these are said, and nothing is lost.

    Raises:
        UserError: If there is no other.
    """
    left, damaged = [], []
    for config in configs:
        try:
            finished_row(find_run(config))
            left.append(config)
        except UserError as error:
            damaged.append(str(error))
    if not left:
        raise UserError("; ".join(damaged))
    say_all([f"{sentence}; until then this run is left out, the others are not" for sentence in damaged], say)
    return left


def _count(runs: Sequence[str]) -> str:
    return "1 run" if len(runs) == 1 else f"{len(runs)} runs"


def say_all(sentences: Sequence[str], say: Callable[[str], object]) -> None:
    """Each sentence once."""
    for sentence in dict.fromkeys(sentences):
        say(sentence)


def run_label(settings: Sequence[str]) -> str:
    """The settings that tell this row from others: all but what names its cell, its seed or a machine."""
    own = {"graph", "dataset", "seed", "cell", "study_name", "device", "out", "workers"}
    return " ".join(setting for setting in settings if setting.split("=")[0] not in own)
