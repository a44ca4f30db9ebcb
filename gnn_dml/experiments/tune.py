"""A search for settings, for every cell of a study alike, on validation classes alone."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gnn_dml.config.identity import counted_settings
from gnn_dml.config.names import ConfigDirs, open_config_dirs
from gnn_dml.errors import UserError
from gnn_dml.experiments.api import try_to_build
from gnn_dml.experiments.files import write_rows, write_text
from gnn_dml.experiments.run_all import run_all
from gnn_dml.experiments.search_space import SearchSpace, read_space
from gnn_dml.experiments.study import Config, Study, plan, read_study

if TYPE_CHECKING:
    import pandas as pd

    from gnn_dml.experiments.run import OnStart

FOLDER = "tune"
"""Inside that of the study: the runs of all trials, and Optuna's storage."""

TUNED = "tuned.json"

OnTrial = Callable[[str, int, float, float], object]
"""Called with the cell, the number of the trial, its value and the best value so far."""


def tune(
    study: str | Study,
    *,
    trials: int = 20,
    space: str | None = None,
    seeds: Sequence[int] = (0,),
    settings: Sequence[str] = (),
    config_dirs: Sequence[str | Path] = (),
    on_run: Callable[[Config, int, int], OnStart] | None = None,
    on_trial: OnTrial = lambda cell, trial, value, best: None,
    say: Callable[[str], object] = lambda sentence: None,
) -> pd.DataFrame:
    """Give every cell of a study the same number of trials; what is done already is not done again.

    A trial trains one run per seed without any test part, and its value is the mean over the seeds of what the space
    names (`by`), at the chosen epoch, on the classes that choose the epoch. Several processes may search at once: they
    share the runs of a trial.

    Args:
        study: As for `gnn_dml.experiments.run_study`.
        trials: For each cell, in all: 20 after a search with 10 adds 10.
        space: The name of a search space of the package or of a user's own, or the path of a YAML file; None is what
            the study names.
        seeds: Of every trial.
        settings: For every cell, as typed.
        config_dirs: Folders with YAMLs and classes of the user's own.
        on_run: Called with the settings of a run, its number and how many there are; for progress bars.
        on_trial: See `OnTrial`.
        say: Called with a sentence where another process is waited for, or an interrupted run begins anew.

    Returns:
        A row per cell and trial with its settings, its value and whether it is the best of its cell; as `trials.csv`
        beside the storage. In its `attrs` the `folder` and the path of `tuned`, which says what each cell chose.

    Raises:
        UserError: If a setting cannot work, a cell has one that is to be searched, the test classes choose the epoch,
            or Optuna is missing.
    """
    dirs = open_config_dirs(config_dirs)
    found = read_study(study, dirs) if isinstance(study, str) else study
    tried = read_space(found.space if space is None else space, dirs)
    typed = [*tried.overrides, *settings]
    configs = plan(found, seeds[:1], typed, config_dirs=dirs)
    _check(found, tried, configs, typed)
    folder = Path(configs[0]["out"]) / found.name / FOLDER
    from gnn_dml.experiments.trials import Trials, best

    searches = {}
    for config in configs:
        basis = {"settings": _without_seed(config), "seeds": list(seeds)}
        searches[str(config["cell"])] = Trials(folder, str(config["cell"]), tried, basis)
    for number in range(trials):
        asked = {cell: search.ask(number) for cell, search in searches.items()}
        planned = _plan_trial(found, asked, seeds, typed, folder, dirs)
        if number == 0:
            try_to_build([config for runs in planned.values() for config in runs], study=found.name)
        values = _values(planned, tried, number, trials, on_run, say)
        for cell, search in searches.items():
            search.tell(number, values[cell])
            on_trial(cell, number, values[cell], best(search.rows())["value"])
    rows = []
    chosen = {}
    for cell, search in searches.items():
        done = [row for row in search.rows() if row["trial"] < trials]
        top = best(done)
        chosen[cell] = {
            "settings": list(top["settings"]),
            "value": top["value"],
            "trial": top["trial"],
            "trials": len(done),
            "seeds": list(seeds),
            "space": tried.name,
            "by": list(tried.by) or [configs[0]["protocol"]["select_by"]],
        }
        for row in done:
            parts = dict(one.split("=", 1) for one in row["settings"])
            rows.append({"cell": cell, "trial": row["trial"], **parts, "value": row["value"], "best": row is top})
    write_rows(folder / "trials.csv", rows)
    write_text(folder.parent / TUNED, json.dumps(chosen, indent=1) + "\n")
    import pandas as pd

    frame = pd.DataFrame(rows)
    frame.attrs |= {"folder": str(folder), "tuned": str(folder.parent / TUNED)}
    return frame


def tuned_study(study: str | Study, *, settings: Sequence[str] = (), config_dirs: Sequence[str | Path] = ()) -> Study:
    """The study with what each of its cells chose, under a name of its own: NAME-tuned.

    Args:
        study: As it was searched.
        settings: As typed for the search; they say where its folder is.
        config_dirs: Folders with YAMLs and classes of the user's own.

    Returns:
        A study whose rows say how it was tuned, for `gnn_dml.experiments.run_study`.

    Raises:
        UserError: If `tuned.json` is missing or damaged, or a cell was not searched.
    """
    dirs = open_config_dirs(config_dirs)
    found = read_study(study, dirs) if isinstance(study, str) else study
    cell = next(iter(found.cells))
    alone = replace(found, cells={cell: found.cells[cell]})
    path = Path(plan(alone, [0], settings, config_dirs=dirs)[0]["out"]) / found.name / TUNED
    try:
        held = json.loads(path.read_text(encoding="utf-8"))
        chosen = {str(name): [str(one) for one in said["settings"]] for name, said in held.items()}
        trials = sorted({int(said["trials"]) for said in held.values()})
        spaces = sorted({str(said["space"]) for said in held.values()})
    except FileNotFoundError:
        raise UserError(f"{path} is not there: search first, gnn-dml tune {found.name}") from None
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise UserError(f"{path} cannot be read as the choices of a search ({error}); search again") from error
    missing = [name for name in found.cells if name not in chosen]
    if missing:
        raise UserError(f"{path} has no choice for the cells {', '.join(missing)}: gnn-dml tune {found.name}")
    return replace(
        found,
        name=f"{found.name}-tuned",
        cells={name: (*typed, *chosen[name]) for name, typed in found.cells.items()},
        tuned=f"(tuned: {'-'.join(map(str, trials))} {'trial' if trials == [1] else 'trials'}, {', '.join(spaces)})",
    )


def _check(study: Study, space: SearchSpace, configs: Sequence[Config], typed: Sequence[str]) -> None:
    """Refuse what would not be a fair search."""
    for config in configs:
        protocol = config["protocol"]
        if protocol["select_on"] != "val":
            raise UserError(
                f"cell {config['cell']!r}: protocol.select_on={protocol['select_on']}, and a search needs validation "
                "classes: protocol=held_out, or protocol.train_on=[train] protocol.select_on=val"
            )
    for where, own in (("typed", typed), ("overrides", study.overrides), *study.cells.items()):
        for one in own:
            if (name := one.split("=")[0].lstrip("+")) in space.settings:
                raise UserError(
                    f"{one} ({'of the cell ' if where in study.cells else ''}{where}): {name} is searched by the space "
                    f"{space.name}, and a cell that differs in it has nothing to search; take it out of one of them"
                )


def _plan_trial(
    study: Study,
    asked: Mapping[str, Sequence[str]],
    seeds: Sequence[int],
    typed: Sequence[str],
    folder: Path,
    dirs: ConfigDirs,
) -> dict[str, list[Config]]:
    """The runs of one trial of every cell; cells whose trials are the same run share it."""
    planned: dict[str, list[Config]] = {}
    for cell, settings in study.cells.items():
        alone = replace(study, name=FOLDER, cells={cell: (*settings, *asked[cell])})
        own = [*typed, "protocol.test_on=none", f"out={folder.parent}"]
        planned[cell] = plan(alone, seeds, own, config_dirs=dirs)
    return planned


def _values(
    planned: Mapping[str, Sequence[Config]],
    space: SearchSpace,
    number: int,
    trials: int,
    on_run: Callable[[Config, int, int], OnStart] | None,
    say: Callable[[str], object],
) -> dict[str, float]:
    """The value of the trial in every cell: 0 where a run has diverged, since no metric is lower."""
    configs = [config for runs in planned.values() for config in runs]

    def start(config: Config) -> OnStart | None:
        return on_run(config, number + 1, trials) if on_run else None

    found: dict[str, list[float]] = {cell: [] for cell in planned}
    for config, row, _ in run_all(configs, on_run=start, on_wait=say, say=say):
        found[str(config["cell"])].append(_value(row, config, space.by))
    return {cell: sum(values) / len(values) for cell, values in found.items()}


def _value(row: Mapping[str, Any], config: Config, by: Sequence[str]) -> float:
    if row["status"] != "finished":
        return 0.0
    values = []
    for name in by or [config["protocol"]["select_by"]]:
        value = row.get(f"val_{name}")
        if value is None and name.startswith("refined_"):  # no graph, no refined embedding
            value = row.get(f"val_{name.replace('refined_', 'backbone_', 1)}")
        if value is None:
            raise UserError(f"by: {name} is no validation metric of a run; one is for instance refined_map@r")
        values.append(0.0 if math.isnan(value) else float(value))
    return sum(values) / len(values)


def _without_seed(config: Config) -> dict[str, Any]:
    return {name: value for name, value in counted_settings(config).items() if name != "seed"}
