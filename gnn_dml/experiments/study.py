"""A study: cells x seeds from a YAML file, every run of it checked before the first one starts."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from gnn_dml.config.bounded_yaml import compose_yaml, construct, pairs
from gnn_dml.config.compose import resolve
from gnn_dml.config.composer import composer_for
from gnn_dml.config.identity import digest
from gnn_dml.config.names import ConfigDirs, studies, study_file, suggestion
from gnn_dml.errors import UserError
from gnn_dml.experiments.grid import Grid, read_grid
from gnn_dml.experiments.study_question import (
    MARGIN,
    check_margin,
    check_metrics,
    check_question,
    check_reference,
    name_cells,
)
from gnn_dml.text import exists, show_name

Config = dict[str, Any]

MACHINE = ("device", "out", "pictures", "workers")
"""Settings that say where a study runs, which makes its rows no other rows."""

_OWN = {
    "seed": "choose seeds with --seeds 0,1,2 or the key seeds of its YAML",
    "study_name": "its folder has the name of its YAML file",
    "cell": "its rows have the names of its cells",
}
_KEYS = (
    *("question", "seeds", "overrides", "cells", "grid", "rules", "reference", "margin", "metrics"),
    *("seed_spread", "space"),
)


@dataclass(frozen=True)
class Study:
    """Cells x seeds.

    Attributes:
        name: Of the folder under `out`.
        seeds: The same for every cell.
        overrides: Settings of every cell.
        cells: Settings of each cell, by its name.
        seed_spread: Measured standard deviation of Recall@1 between seeds, where one is known.
        question: What it answers, a sentence; empty where it says none.
        reference: The cell that the others are compared with; None where none is named and none is called `complete`.
        margin: Percentage points within which two cells count as equivalent.
        metrics: Columns that are compared; empty for Recall@1 and MAP@R of both branches.
        factors: Of each cell of a grid, the value of every setting that is varied in it.
        space: What `gnn-dml tune` searches for it: a search space of the package or of the user's own by name.
        tuned: How the settings of its cells were chosen, for its rows; empty where they are as written.
    """

    name: str
    seeds: tuple[int, ...]
    overrides: tuple[str, ...]
    cells: Mapping[str, tuple[str, ...]]
    seed_spread: float | None = None
    question: str = ""
    reference: str | None = None
    margin: float = MARGIN
    metrics: tuple[str, ...] = ()
    factors: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    space: str = "default"
    tuned: str = ""


def read_study(name: str, config_dirs: ConfigDirs = ()) -> Study:
    """A study of the package or of a user's own folder by name, or a YAML file.

    Raises:
        UserError: If there is none of that name, or its contents are not a study.
    """
    path = study_file(name, config_dirs)
    if not (exists(path) and path.is_file()):
        known = studies(config_dirs)
        raise UserError(
            f"there is no study {show_name(name)!r}; the package has {', '.join(known)}, and a YAML file of yours is "
            f"welcome.{suggestion(name, known)}"
        )
    node = compose_yaml(path)
    try:
        return _study(path, node)
    except (yaml.YAMLError, ValueError) as error:
        if isinstance(error, UserError):
            raise
        raise UserError(f"{path} is no YAML of a study: {' '.join(str(error).split())[:300]}") from error


def _study(path: Path, node: yaml.Node | None) -> Study:
    content = pairs(node) if isinstance(node, yaml.MappingNode) else {}
    if "cells" not in content and "grid" not in content:
        raise UserError(
            f"{path} needs the key cells, a name and a list of settings for each, or the key grid, a list of values "
            "for each setting"
        )
    unknown = [show_name(key) for key in content if key not in _KEYS]
    if unknown:
        raise UserError(f"{path} has unknown keys {', '.join(unknown)}; known are {', '.join(_KEYS)}")
    grid = read_grid(path, content.get("grid"), content.get("rules"))
    cells = _cells(path, content.get("cells"), grid)
    held = {key: construct(content[key]) for key in ("question", "reference", "margin", "metrics") if key in content}
    seeds = construct(content["seeds"]) if "seeds" in content else [0]
    if not isinstance(seeds, list) or not seeds or any(type(seed) is not int for seed in seeds):
        raise UserError(f"{path}: seeds must be a list of whole numbers, not {_shown(seeds)}")
    spread = construct(content["seed_spread"]) if "seed_spread" in content else None
    if spread is not None and (not isinstance(spread, float) or not 0 <= spread < 1):
        raise UserError(f"{path}: seed_spread must be a fraction such as 0.01, not {_shown(spread)}")
    return Study(
        name=path.stem,
        seeds=tuple(seeds),
        overrides=_settings(path, "overrides", content.get("overrides")),
        cells=cells,
        seed_spread=spread,
        question=check_question(path, held.get("question")),
        reference=check_reference(path, held.get("reference"), list(cells)),
        margin=check_margin(path, held.get("margin", MARGIN)),
        metrics=check_metrics(path, held["metrics"]) if "metrics" in held else (),
        factors=grid.factors,
        space=_space(path, content.get("space")),
    )


def _space(path: Path, node: yaml.Node | None) -> str:
    name = "default" if node is None else construct(node)
    if not isinstance(name, str):
        raise UserError(f"{path}: space must be the name of a search space or a YAML file, not {_shown(name)}")
    return name


def _cells(path: Path, node: yaml.Node | None, grid: Grid) -> dict[str, tuple[str, ...]]:
    """Those written out, then those of the grid."""
    if node is None:
        return dict(grid.cells)
    if not isinstance(node, yaml.MappingNode) or not node.value:
        raise UserError(f"{path} needs the key cells to hold a name and a list of settings for each")
    if any(not isinstance(key, yaml.ScalarNode) for key, _ in node.value):
        raise UserError(f"{path}: the name of a cell must be a word")
    cells = {cell: _settings(path, cell, settings) for cell, settings in pairs(node).items()}
    if twice := [show_name(cell) for cell in cells if cell in grid.cells]:
        raise UserError(f"{path} has the cell {twice[0]!r} under cells and in its grid; rename the one under cells")
    return {**cells, **grid.cells}


def _shown(value: object) -> str:
    """A value in a message, never long."""
    try:
        text = repr(value)
    except ValueError:  # a number of thousands of digits
        return "a number of thousands of digits"
    return text if len(text) <= 100 else f"{text[:100]}..."


def _settings(path: Path, where: str, node: yaml.Node | None) -> tuple[str, ...]:
    """The settings of a list, as they are written."""
    held = [] if node is None else construct(node)
    if held is None and where == "overrides":
        held = []
    if not isinstance(held, list) or any(not isinstance(setting, str) for setting in held):
        raise UserError(
            f"{path}: {show_name(where)} must be a list of settings like [graph=knn, graph.k=8], not {_shown(held)}"
        )
    return tuple(held)


def plan(
    study: Study,
    seeds: Sequence[int],
    overrides: Sequence[str] = (),
    *,
    config_dirs: ConfigDirs = (),
    on_plan: Callable[[int, int], object] = lambda number, total: None,
) -> list[Config]:
    """Every run of a study, its settings checked.

    Seed by seed, so that an interrupted study still compares like with like.

    Args:
        study: Its cells and its own overrides.
        seeds: In the place of the study's own.
        overrides: Settings of every cell that win over the cells' own.
        config_dirs: The user's own folders of YAMLs.
        on_plan: Called after each run with how many are planned, and of how many.

    Raises:
        UserError: Naming the cell whose settings cannot work.
    """
    for setting in (*study.overrides, *overrides, *(one for settings in study.cells.values() for one in settings)):
        if (key := setting.split("=")[0]) in _OWN:
            raise UserError(f"{setting}: a study sets {key} itself; {_OWN[key]}")
    configs = []
    composer = composer_for(config_dirs)
    unique = list(dict.fromkeys(seeds))
    for seed in unique:
        for cell, settings in study.cells.items():
            typed = [*study.overrides, *settings, *overrides]
            try:
                configs.append(resolve(typed, composer=composer, seed=seed, study_name=study.name, cell=cell))
            except UserError as error:
                raise UserError(f"cell {cell!r} of the study {study.name}: {error}") from error
            on_plan(len(configs), len(unique) * len(study.cells))
    _refuse_twins(study, configs)
    return configs


def choose_cells(study: Study, only: Sequence[str]) -> list[str]:
    """The cells that are to be run: those named, in the order of the study; all where none is named.

    Raises:
        UserError: If there is none of a name.
    """
    for cell in only:
        if cell not in study.cells:
            raise UserError(
                f"the study {study.name} has no cell {show_name(cell)!r}. {name_cells(list(study.cells), cell)}"
            )
    return [cell for cell in study.cells if not only or cell in only]


def overrides_label(overrides: Sequence[str]) -> str:
    """What was typed for a whole study, less what only says where it runs."""
    return " ".join(setting for setting in overrides if setting.split("=")[0] not in MACHINE)


def _refuse_twins(study: Study, configs: Sequence[Config]) -> None:
    """Two cells with the same settings would be one run that stands in two rows."""
    cells: dict[str, str] = {}
    for config in configs:
        other = cells.setdefault(digest(config), config["cell"])
        if other != config["cell"]:
            raise UserError(f"the cells {other!r} and {config['cell']!r} of the study {study.name} are the same run")
