"""A run and a study in one call each, ending in a DataFrame; what the commands `train` and `ablate` do.

>>> from gnn_dml.experiments import run_study, train
>>> small = ["backbone.width=4", "backbone.dim=16", "protocol.epochs=1", "device=cpu", f"out={tmp}"]
>>> frame = train(["graph=knn", *small])
>>> frame[["cell", "status"]].to_dict("records")
[{'cell': 'knn', 'status': 'finished'}]
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gnn_dml.config.names import open_config_dirs
from gnn_dml.errors import UserError
from gnn_dml.experiments.choose_recipe import choose_settings
from gnn_dml.experiments.finished import finished_row
from gnn_dml.experiments.reuse import find_run
from gnn_dml.experiments.study import Study, overrides_label, plan, read_study

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
        One row with the columns of `gnn_dml.columns`. In its `attrs` the `folder` of the run and whether it was
        `reused`.

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
    row, reused = execute(config, on_start, on_epoch=on_epoch, on_wait=say, say=say)
    folder = find_run(config)
    write_cell(folder, config, run_label(chosen.settings))
    frame = collect(folder.parent)
    found: pd.DataFrame = frame[frame["run_id"] == row["run_id"]].reset_index(drop=True)
    found.attrs |= {"folder": str(folder), "reused": reused}
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
        say: Called with a sentence where another process is waited for, or an interrupted run begins anew.

    Returns:
        A row per cell and seed, with the columns of `gnn_dml.columns`. In its `attrs` the `folder` of the study.

    Raises:
        UserError: If a setting of any cell is wrong, before the first run starts; if a file cannot be read or written.
    """
    from gnn_dml.experiments.cell_files import write_cell, write_cell_order
    from gnn_dml.experiments.run_all import run_all
    from gnn_dml.results import collect

    dirs = open_config_dirs(config_dirs)
    found = read_study(study, dirs) if isinstance(study, str) else study
    configs = plan(found, seeds or found.seeds, settings, config_dirs=dirs)
    try_to_build(configs, study=found.name)
    folder = Path(configs[0]["out"]) / found.name
    label = overrides_label(settings)
    rows = []
    numbers = {id(config): number for number, config in enumerate(configs, start=1)}

    def start(config: Config) -> OnStart | None:
        return on_run(config, numbers[id(config)], len(configs)) if on_run else None

    for config, row, reused in run_all(configs, on_run=start, on_epoch=on_epoch, on_wait=say, say=say):
        number = numbers[id(config)]
        row = {**row, "cell": config["cell"], "overrides": label}
        write_cell(find_run(config), config, label)
        rows.append(row)
        if on_row is not None:
            on_row(row, number, len(configs), reused)
    write_cell_order(folder, list(found.cells))
    collected = collect(folder)
    frame: pd.DataFrame = collected[collected["run_id"].isin([row["run_id"] for row in rows])].reset_index(drop=True)
    frame.attrs["folder"] = str(folder)
    return frame


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


def run_label(settings: Sequence[str]) -> str:
    """The settings that tell this row from others: all but what names its cell, its seed or a machine."""
    own = {"graph", "dataset", "seed", "cell", "study_name", "device", "out", "workers"}
    return " ".join(setting for setting in settings if setting.split("=")[0] not in own)
