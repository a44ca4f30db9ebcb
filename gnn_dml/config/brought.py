"""What is typed wins over what a data set brings with it, whole choices of a group included."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml
from omegaconf import DictConfig, OmegaConf

from gnn_dml.config.names import CONF, ConfigDirs

OF_THE_DATA = ("dataset", "protocol", "refiner")
"""Parts whose settings belong to the data whatever is typed: a protocol says how to choose and test, and a data set how
long and in which batches it is trained under any of them."""


def brought(name: str, config_dirs: ConfigDirs = ()) -> tuple[dict[str, str], dict[str, Any]]:
    """The choices that a data set brings, by group, and its settings of other groups.

    Args:
        name: As in `dataset=NAME`.
        config_dirs: The user's own folders of YAMLs.
    """
    places = [place / "dataset" / f"{name}.yaml" for place in (*config_dirs, CONF)]
    file = next((path for path in places if path.is_file()), None)
    if file is None or "@package _global_" not in file.read_text(encoding="utf-8"):
        return {}, {}
    held = _read(file)
    choices = {
        str(key).removeprefix("override /"): str(choice)
        for entry in held.get("defaults") or []
        if isinstance(entry, Mapping)
        for key, choice in entry.items()
        if str(key).startswith("override /")
    }
    settings = {key: part for key, part in held.items() if key not in ("defaults", *OF_THE_DATA)}
    return choices, {key: part for key, part in settings.items() if isinstance(part, Mapping)}


def usual_choices() -> dict[str, str]:
    """The choice of every group where nothing is typed."""
    entries = _read(CONF / "config.yaml")["defaults"]
    return {str(key): str(name) for entry in entries if isinstance(entry, Mapping) for key, name in entry.items()}


def undo_what_is_of_others(
    tree: DictConfig, names: Mapping[str, str], plain: Callable[[], DictConfig], config_dirs: ConfigDirs = ()
) -> None:
    """Undo what a data set sets in a group of which another choice was typed: its numbers are not of that choice.

    Args:
        tree: The whole configuration under the choices, not yet resolved; changed in place.
        names: The typed choices by group.
        plain: Gives the same tree without the data set.
        config_dirs: The user's own folders of YAMLs.
    """
    choices, settings = brought(names.get("dataset", ""), config_dirs)
    usual = usual_choices() if settings else {}
    made_for = {group: choices.get(group, usual.get(group)) for group in settings}
    other = [group for group, choice in made_for.items() if names.get(group, choice) != choice]
    if other:
        source = plain()
        for group in other:
            _put_back(tree, source, group, settings[group])


def _put_back(tree: DictConfig, plain: DictConfig, part: str, settings: Mapping[str, Any]) -> None:
    """Give settings of a part the values that they have without the data set."""
    for name in _leaves(settings, part):
        *above, last = name.split(".")
        place, source = OmegaConf.select(tree, ".".join(above)), OmegaConf.select(plain, ".".join(above))
        if not isinstance(place, DictConfig):
            continue
        if isinstance(source, DictConfig) and last in source:
            place[last] = source._get_node(last)
        else:
            place.pop(last, None)


def _leaves(settings: Mapping[str, Any], prefix: str) -> Iterator[str]:
    for key, value in settings.items():
        name = f"{prefix}.{key}"
        if isinstance(value, Mapping):
            yield from _leaves(value, name)
        else:
            yield name


def _read(file: Path) -> dict[str, Any]:
    held = yaml.safe_load(file.read_text(encoding="utf-8"))
    return held if isinstance(held, dict) else {}
