"""A study: cells x seeds from a YAML file, every run of it checked before the first one starts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from gnn_dml.config.compose import resolve
from gnn_dml.config.identity import digest
from gnn_dml.config.names import ConfigDirs, studies, study_file, suggestion
from gnn_dml.errors import UserError

Config = dict[str, Any]

MACHINE = ("device", "out", "workers")
"""Settings that say where a study runs, which makes its rows no other rows."""

_OWN = {
    "seed": "choose seeds with --seeds 0,1,2 or the key seeds of its YAML",
    "study_name": "its folder has the name of its YAML file",
    "cell": "its rows have the names of its cells",
}
_KEYS = ("seeds", "overrides", "cells", "seed_spread")


@dataclass(frozen=True)
class Study:
    """Cells x seeds.

    Attributes:
        name: Of the folder under `out`.
        seeds: The same for every cell.
        overrides: Settings of every cell.
        cells: Settings of each cell, by its name.
        seed_spread: Measured standard deviation of Recall@1 between seeds, where one is known.
    """

    name: str
    seeds: tuple[int, ...]
    overrides: tuple[str, ...]
    cells: Mapping[str, tuple[str, ...]]
    seed_spread: float | None = None


def read_study(name: str, config_dirs: ConfigDirs = ()) -> Study:
    """A study of the package or of a user's own folder by name, or a YAML file.

    Raises:
        UserError: If there is none of that name, or its contents are not a study.
    """
    path = study_file(name, config_dirs)
    if not path.is_file():
        known = studies(config_dirs)
        raise UserError(
            f"there is no study {name!r}; the package has {', '.join(known)}, and a YAML file of yours is welcome."
            f"{suggestion(name, known)}"
        )
    try:
        text = path.read_text(encoding="utf-8")
        content = yaml.safe_load(text)
        twice = _keys_named_twice(yaml.compose(text, yaml.SafeLoader))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise UserError(f"{path} is no YAML: {' '.join(str(error).split())}") from error
    if twice:
        raise UserError(f"{path} has {', '.join(twice)} more than once")
    return _study(path, content)


def _keys_named_twice(node: yaml.Node | None) -> list[str]:
    """Keys that stand twice in the same mapping, of which YAML would silently keep the last."""
    if not isinstance(node, yaml.MappingNode):
        return []
    keys = [str(key.value) for key, _ in node.value]
    inside = [name for _, value in node.value for name in _keys_named_twice(value)]
    return [*dict.fromkeys(key for key in keys if keys.count(key) > 1), *inside]


def _study(path: Path, content: Any) -> Study:
    if not isinstance(content, dict) or not isinstance(content.get("cells"), dict) or not content["cells"]:
        raise UserError(f"{path} needs the key cells: a name and a list of settings for each")
    unknown = [str(key) for key in content if key not in _KEYS]
    if unknown:
        raise UserError(f"{path} has unknown keys {', '.join(unknown)}; known are {', '.join(_KEYS)}")
    cells = {str(cell): _settings(path, str(cell), settings) for cell, settings in content["cells"].items()}
    seeds = content.get("seeds", [0])
    if not isinstance(seeds, list) or not seeds or any(type(seed) is not int for seed in seeds):
        raise UserError(f"{path}: seeds must be a list of whole numbers, not {seeds!r}")
    spread = content.get("seed_spread")
    if spread is not None and (not isinstance(spread, float) or not 0 <= spread < 1):
        raise UserError(f"{path}: seed_spread must be a fraction such as 0.01, not {spread!r}")
    return Study(
        name=path.stem,
        seeds=tuple(seeds),
        overrides=_settings(path, "overrides", content.get("overrides") or []),
        cells=cells,
        seed_spread=spread,
    )


def _settings(path: Path, where: str, settings: Any) -> tuple[str, ...]:
    if not isinstance(settings, list) or any(not isinstance(setting, str) for setting in settings):
        raise UserError(f"{path}: {where} must be a list of settings like [graph=knn, graph.k=8], not {settings!r}")
    return tuple(settings)


def plan(
    study: Study, seeds: Sequence[int], overrides: Sequence[str] = (), *, config_dirs: ConfigDirs = ()
) -> list[Config]:
    """Every run of a study, its settings checked.

    Seed by seed, so that an interrupted study still compares like with like.

    Args:
        study: Its cells and its own overrides.
        seeds: In the place of the study's own.
        overrides: Settings of every cell that win over the cells' own.
        config_dirs: The user's own folders of YAMLs.

    Raises:
        UserError: Naming the cell whose settings cannot work.
    """
    for setting in (*study.overrides, *overrides, *(one for settings in study.cells.values() for one in settings)):
        if (key := setting.split("=")[0]) in _OWN:
            raise UserError(f"{setting}: a study sets {key} itself; {_OWN[key]}")
    configs = []
    contents: dict[tuple[Path, Path | None], str] = {}
    for seed in dict.fromkeys(seeds):
        for cell, settings in study.cells.items():
            typed = [*study.overrides, *settings, *overrides]
            try:
                configs.append(
                    resolve(
                        typed,
                        config_dirs=config_dirs,
                        contents=contents,
                        seed=seed,
                        study_name=study.name,
                        cell=cell,
                    )
                )
            except UserError as error:
                raise UserError(f"cell {cell!r} of the study {study.name}: {error}") from error
    _refuse_twins(study, configs)
    return configs


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
