"""From `graph=knn graph.k=8` to a resolved configuration; Hydra underneath, plain sentences on top."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml
from omegaconf import DictConfig, ListConfig, Node, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from gnn_dml.config.check import problems
from gnn_dml.config.composer import Composer, composer_for
from gnn_dml.config.identity import NO_WEIGHTS
from gnn_dml.config.names import ConfigDirs, suggestion
from gnn_dml.config.typed import TEXTS, Setting, is_interpolation, literal, parse, path_problems
from gnn_dml.errors import UserError
from gnn_dml.prepare.cards import find_card
from gnn_dml.prepare.content import content_of
from gnn_dml.prepare.embedded import find_embedded
from gnn_dml.text import typed_path

Config = dict[str, Any]


def resolve(
    settings: Sequence[str], *, config_dirs: ConfigDirs = (), composer: Composer | None = None, **fixed: Any
) -> Config:
    """Compose, check and resolve the configuration of one run.

    Args:
        settings: As typed: GROUP=NAME and GROUP.SETTING=VALUE.
        config_dirs: The user's own folders of YAMLs, from `gnn_dml.config.names.open_config_dirs`.
        composer: In the place of one for `config_dirs`, with what it has composed and looked at before.
        **fixed: Top-level settings that stand in the place of typed ones (study_name, cell, seed); whatever is
            interpolated from them follows.

    Returns:
        Plain values, with the names of the chosen groups under `choices` and the data by content under
        `dataset.content`.

    Raises:
        UserError: One sentence per problem: an unknown group, name or setting, a value of another kind, or a
            combination that cannot work.
    """
    composer = composer_for(config_dirs) if composer is None else composer
    known = composer.groups
    parsed = [parse(text) for text in settings]
    raise_all([message for setting in parsed if (message := group_problem(setting, known))])
    chosen = [f"{setting.name}={setting.as_value()}" for setting in parsed if setting.name in known]
    base = composer.tree(chosen)
    raise_all([message for setting in parsed if (message := setting_problem(setting, base, known))])
    typed = {setting.name: value_of(setting, base) for setting in parsed if setting.name not in known}
    put_in = {name: literal(value) for name, value in fixed.items() if name not in typed}
    config = composer.values(chosen, {**typed, **put_in})
    choices = config["choices"]
    config["protocol"].pop("elsewhere", None)  # by now it stands in the settings that it is for
    raise_all(_interpolated_problems(typed, base, config))
    raise_all(path_problems({name: _at(config, name) for name in TEXTS}))
    _expand_paths(config)
    raise_all(problems(config))
    config["dataset"]["content"] = _content(config["dataset"], choices["dataset"], composer.contents)
    return config


def value_of(setting: Setting, tree: DictConfig) -> Any:
    """The value that a setting is given; text stays text where the setting is a path or has a word as its default."""
    default = _default_of(setting.name, tree)
    word = isinstance(default, str) and not default.startswith("${")
    return setting.as_text() if word or setting.name in TEXTS else setting.as_value()


def _at(config: Any, name: str) -> Any:
    """The value of a dotted name; None where there is none."""
    for part in name.split("."):
        config = config.get(part) if isinstance(config, Mapping) else None
    return config


def _interpolated_problems(typed: Mapping[str, Any], base: DictConfig, config: Config) -> list[str]:
    """Values of another kind behind `graph.seed=${seed}`, which only the resolved configuration shows."""
    names = [name for name, value in typed.items() if is_interpolation(value)]
    found = [_kind_problem(name, OmegaConf.select(base, name), _at(config, name)) for name in names]
    return [message for message in found if message]


def _expand_paths(config: Config) -> None:
    """Paths with the home folder for `~`; all but `out` absolute, so that a run can be evaluated from any folder."""
    dataset, weights = config["dataset"], config["backbone"].get("weights")
    config["out"] = str(typed_path(config["out"])) if config["out"].startswith("~") else config["out"]
    for part, name in (
        (dataset, "root"),
        (dataset, "cache"),
        (dataset, "images"),
        (dataset["source"], "root"),
        (dataset["source"], "images"),
    ):
        if part.get(name) is not None:
            part[name] = str(typed_path(str(part[name])).absolute())
    if config.get("start_from") is not None:
        config["start_from"] = str(typed_path(str(config["start_from"])).absolute())
    if weights not in NO_WEIGHTS:
        config["backbone"]["weights"] = str(typed_path(str(weights)).absolute())


def _content(dataset: Config, name: str, contents: dict[tuple[Path, Path | None], str]) -> str | None:
    """The data by what they are, so that other data under the same path are another run, and equal data are not."""
    root, images = dataset.get("root"), dataset.get("images")
    if root is None:
        card = find_card(name)
        if card is None or card.embedded is None:
            return None
        root = find_embedded(name, card.embedded)
    place = (Path(root), None if images is None else Path(images))
    if place not in contents:
        contents[place] = content_of(*place)
    return contents[place]


def group_problem(setting: Setting, known: Mapping[str, list[str]]) -> str | None:
    """What is wrong with `graph=knnn`, given the groups and their names."""
    group = setting.name
    if group not in known:
        return None
    value = f"{setting.as_value()!s}"
    if value in known[group]:
        return None
    names = known[group]
    return f"{group}={value} is unknown; {group} is one of {', '.join(names)}.{suggestion(value, names)}"


def setting_problem(setting: Setting, base: DictConfig, known: Mapping[str, list[str]]) -> str | None:
    """What is wrong with `graph.kk=8` or `graph.k=many`, given the settings that the chosen groups have."""
    key = setting.name
    if key in known:
        return None
    parent: Any = base
    walked: list[str] = []
    for part in key.split("."):
        names = [str(name) for name in parent if name not in _NO_SETTINGS] if isinstance(parent, DictConfig) else []
        if part not in names:
            return _unknown(key, part, walked, names, known)
        walked.append(part)
        node = parent._get_node(part)
        parent = _default(parent, part) if node._is_interpolation() or OmegaConf.is_config(node) else node._value()
    value = value_of(setting, base)
    return None if is_interpolation(value) else _kind_problem(key, parent, value)


_NO_SETTINGS = ("hydra", "choices")
"""Of the top level of a tree."""


def _default_of(key: str, tree: DictConfig) -> Any:
    """What a setting has in a tree, as it stands there; None if it is not there."""
    node: Any = tree
    for part in key.split("."):
        node = node._get_node(part) if isinstance(node, DictConfig) and part in node else None
    return node._value() if isinstance(node, Node) and not OmegaConf.is_config(node) else None


def _default(parent: DictConfig, name: str) -> Any:
    """The value of a setting; of one that stands for another setting, that one's."""
    try:
        return parent[name]
    except OmegaConfBaseException:
        return parent._get_node(name)._value()  # type: ignore[union-attr]


def _unknown(key: str, part: str, walked: list[str], names: list[str], known: Mapping[str, list[str]]) -> str:
    where = ".".join(walked)
    shown = [name for name in names if not name.startswith("_")]
    if not where:
        first = sorted({*known, *shown})
        return f"{key!r} is unknown; settings start with one of {', '.join(first)}.{suggestion(part, first)}"
    if not shown:
        return f"{key!r} is unknown; {where} has no settings"
    hint = suggestion(part, shown)
    return f"{key!r} is unknown; {where} has {', '.join(shown)}.{hint and hint.replace('mean ', f'mean {where}.')}"


_NULLABLE = (
    "backbone.dim",
    "backbone.weights",
    "graph.k",
    "graph.threshold",
    "graph.loop",
    "refiner.gate",
    "protocol.choose_neighbours",
)
_KIND_BESIDE_NULL: dict[str, type] = {"graph.k": int, "graph.loop": bool, "protocol.folds": int, "refiner.gate": float}
_KINDS = {bool: "true or false", int: "a whole number", float: "a number", str: "a word"}


def _kind_problem(key: str, default: Any, value: Any) -> str | None:
    """A value of another kind than the default; a default of null says little about kinds."""
    if isinstance(default, DictConfig):
        inner = next((str(name) for name in default if not str(name).startswith("_")), "NAME")
        return f"{key} holds several settings; change one of them, for instance {key}.{inner}=..."
    kind = _KIND_BESIDE_NULL.get(key, type(None)) if default is None else type(default)
    if isinstance(default, ListConfig):
        fits = isinstance(value, list) or (value is None and key in _NULLABLE)
        return None if fits else f"{key} must be a list like {default}, not {value!r}"
    if value is None and type(default) in _KINDS and key not in _NULLABLE:
        return f"{key} must be {_KINDS[kind]} (the default is {default}), not null"
    if isinstance(value, float) and not math.isfinite(value):
        return f"{key} must be a finite number (the default is {default}), not {value}"
    if value is None or kind not in _KINDS or (isinstance(default, str) and default.startswith("${")):
        return None
    fits = isinstance(value, kind) and not (kind is int and isinstance(value, bool))
    fits = fits or (kind is float and isinstance(value, int) and not isinstance(value, bool))
    fits = fits or (kind is str and not isinstance(value, (dict, list)))
    shown = "null" if default is None else default
    return None if fits else f"{key} must be {_KINDS[kind]} (the default is {shown}), not {value!r}"


def raise_all(found: Sequence[str]) -> None:
    """Raise one UserError with every sentence, if there are any."""
    if found:
        raise UserError("; ".join(dict.fromkeys(found)))


def as_yaml(config: Mapping[str, Any]) -> str:
    """The configuration as YAML, for people."""
    text: str = yaml.safe_dump(dict(config), sort_keys=False)
    return text
