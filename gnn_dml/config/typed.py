"""What is typed wins over what a data set brings with it, whole choices of a group included."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
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


def put_back(tree: DictConfig, plain: DictConfig, part: str, settings: Mapping[str, Any], typed: Sequence[str]) -> None:
    """Give settings of a part the values that they have without the data set, but for those that are typed.

    Args:
        tree: The whole configuration, not yet resolved; changed in place.
        plain: The same without what the data set brings.
        part: The group.
        settings: What the data set sets in it.
        typed: Names of typed settings.
    """
    for name in _leaves(settings, part):
        if any(name == key or name.startswith(f"{key}.") or key.startswith(f"{name}.") for key in typed):
            continue
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
