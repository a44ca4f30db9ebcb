"""Settings typed beside a trained run, over the run's own: what may differ at test time, and nothing else."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from omegaconf import OmegaConf

from gnn_dml.config.check import problems
from gnn_dml.config.compose import group_problem, raise_all, setting_problem, value_of
from gnn_dml.config.composer import composer_for, update
from gnn_dml.config.names import ConfigDirs, groups
from gnn_dml.config.transfer import adapt_transform
from gnn_dml.config.typed import PATHS, TEXTS, Setting, parse, path_problems
from gnn_dml.config.upgrade import upgrade
from gnn_dml.errors import UserError
from gnn_dml.text import typed_path

Config = dict[str, Any]

GROUPS = ("dataset", "graph")
PROTOCOL = (
    "neighbourhood",
    "neighbours",
    "refine_gallery",
    "k1",
    "val_share",
    "val_least",
    "val_seed",
    "folds",
    "fold",
)
ALONE = ("device", "workers", "seed")


def read_settings(settings: Sequence[str], config_dirs: ConfigDirs = ()) -> list[Setting]:
    """Settings as typed, checked as far as can be told without a run.

    Raises:
        UserError: If one is no setting or names what a group has not.
    """
    parsed = [parse(text) for text in settings]
    known = groups(config_dirs)
    raise_all([message for override in parsed if (message := group_problem(override, known))])
    return parsed


def overlay(config: Mapping[str, Any], settings: Sequence[str], config_dirs: ConfigDirs = ()) -> Config:
    """The configuration of a run with other settings for its test.

    A data set of another name comes with its own settings, but for how its images are seen
    (`gnn_dml.config.transfer`). One of the run's own name keeps what the run has.

    Args:
        config: Of a trained run, resolved.
        settings: As typed.
        config_dirs: The user's own folders of YAMLs.

    Raises:
        UserError: If a setting is unknown, cannot be changed at test time, or cannot work.
    """
    parsed = read_settings(settings, config_dirs)
    raise_all([message for override in parsed if (message := _fixed(override))])
    config = upgrade(config)
    if not parsed:
        return config
    for override in parsed:
        if override.name in GROUPS:
            config = _swapped(config, override.name, f"{override.as_value()!s}", config_dirs)
    tree = OmegaConf.create(config)
    raise_all([message for override in parsed if (message := setting_problem(override, tree, groups(config_dirs)))])
    typed = {one.name: value_of(one, tree) for one in parsed if one.name not in GROUPS}
    raise_all(path_problems({name: value for name, value in typed.items() if name in TEXTS}))
    paths = {name: str(typed_path(typed[name])) for name in PATHS if str(typed.get(name)).startswith("~")}
    update(tree, {**typed, **paths})
    found: Any = OmegaConf.to_container(tree)
    source = found["dataset"]["source"]
    source.update({name: found["dataset"][name] for name in source if name in found["dataset"]})
    # Where the weights once started from, and where the run's files were to go, makes no difference any more.
    raise_all(problems({**found, "backbone": {**found["backbone"], "weights": None}, "out": ".", "start_from": None}))
    return dict(found)


def _fixed(override: Setting) -> str | None:
    """What is wrong with `backbone=resnet18` beside a run, whose weights fit one backbone."""
    key = override.name
    if key == "graph" and override.text == "none":
        return "graph=none is no graph to refine in; leave the refined embedding out instead (evaluate --no-refined)"
    first, _, inner = key.partition(".")
    if key in ALONE or first in GROUPS or (first == "protocol" and inner in PROTOCOL):
        return None
    can = [*GROUPS, *(f"protocol.{name}" for name in PROTOCOL), *ALONE]
    return f"{key} of a trained run is fixed; beside a run there can be {', '.join(can)}"


def _swapped(config: Config, group: str, name: str, config_dirs: ConfigDirs) -> Config:
    """Another choice in a group, with its own settings."""
    if name == config["choices"][group]:
        return config
    found: Any = OmegaConf.to_container(composer_for(config_dirs).tree([f"{group}={name}"])[group], resolve=True)
    if group == "dataset":
        found["transform"] = adapt_transform(found["transform"], config)
    if group == "graph" and "loop" in found and "loop" in config["graph"]:
        found["loop"] = config["graph"]["loop"]
    if group == "graph" and config["choices"]["graph"] == "none":
        raise UserError(f"graph={name} changes nothing: the run has no refiner")
    return {**config, group: found, "choices": {**config["choices"], group: name}}
