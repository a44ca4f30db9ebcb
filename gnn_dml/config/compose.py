"""From `graph=knn graph.k=8` to a resolved configuration; Hydra underneath, plain sentences on top."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from hydra import compose, initialize_config_dir
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override
from hydra.errors import HydraException
from omegaconf import DictConfig, ListConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from gnn_dml.config.check import problems
from gnn_dml.config.identity import NO_WEIGHTS
from gnn_dml.config.names import CONF, ConfigDirs, groups, suggestion
from gnn_dml.config.typed import brought, put_back, usual_choices
from gnn_dml.errors import UserError
from gnn_dml.prepare.cards import find_card
from gnn_dml.prepare.content import content_of
from gnn_dml.prepare.embedded import find_embedded

Config = dict[str, Any]


def resolve(
    settings: Sequence[str],
    *,
    config_dirs: ConfigDirs = (),
    contents: dict[tuple[Path, Path | None], str] | None = None,
    **fixed: Any,
) -> Config:
    """Compose, check and resolve the configuration of one run.

    Args:
        settings: As typed: GROUP=NAME and GROUP.SETTING=VALUE.
        config_dirs: The user's own folders of YAMLs, from `gnn_dml.config.names.open_config_dirs`.
        contents: Of data looked at before, added to; a study looks at its data once.
        **fixed: Top-level settings that stand in the place of typed ones (study_name, cell, seed); whatever is
            interpolated from them follows.

    Returns:
        Plain values, with the names of the chosen groups under `choices` and the data by content under
        `dataset.content`.

    Raises:
        UserError: One sentence per problem: an unknown group, name or setting, a value of another kind, or a
            combination that cannot work.
    """
    known = groups(config_dirs)
    parsed = [parse(text) for text in settings]
    raise_all([message for override in parsed if (message := group_problem(override, known))])
    chosen = [override for override in parsed if override.key_or_group in known]
    typed = {override.key_or_group for override in parsed}
    put_in = [f"{name}={_quoted(value)}" for name, value in fixed.items() if name not in typed]
    with initialize_config_dir(str(CONF), version_base="1.3"):
        base = compose_tree([str(override.input_line) for override in chosen], config_dirs)
        raise_all([message for override in parsed if (message := setting_problem(override, base, known))])
        whole = compose_tree([*settings, *put_in], config_dirs)
        _prefer_typed(whole, parsed, chosen, config_dirs)
    choices = {group: name for group, name in whole.hydra.runtime.choices.items() if group in known}
    config: Config = {**_plain_values(whole), "choices": choices}
    config["protocol"].pop("elsewhere", None)  # by now it stands in the settings that it is for
    raise_all(_interpolated_problems(parsed, base, config))
    for name in ("out", "study_name", "device"):
        config[name] = str(config[name])
    _make_paths_absolute(config)
    raise_all(problems(config))
    config["dataset"]["content"] = _content(config["dataset"], choices["dataset"], {} if contents is None else contents)
    return config


def _prefer_typed(
    whole: DictConfig, parsed: Sequence[Override], chosen: Sequence[Override], config_dirs: ConfigDirs
) -> None:
    """Undo what a data set sets in a group of which another choice was typed: its numbers are not of that choice."""
    names = {override.key_or_group: f"{override.value()!s}" for override in chosen}
    choices, settings = brought(names.get("dataset", ""), config_dirs)
    usual = usual_choices() if settings else {}
    made_for = {group: choices.get(group, usual.get(group)) for group in settings}
    other = [group for group, choice in made_for.items() if names.get(group, choice) != choice]
    if not other:
        return
    plain = compose_tree(
        [str(override.input_line) for override in chosen if override.key_or_group != "dataset"], config_dirs
    )
    OmegaConf.set_struct(whole, False)
    typed = [override.key_or_group for override in parsed if override.key_or_group not in names]
    for group in other:
        put_back(whole, plain, group, settings[group], typed)


def _plain_values(tree: DictConfig) -> Config:
    """A composed tree with every interpolation resolved, without Hydra's own part."""
    OmegaConf.set_struct(tree, False)
    del tree["hydra"]
    try:
        values: Any = OmegaConf.to_container(tree, resolve=True)
    except OmegaConfBaseException as error:
        raise UserError(f"the settings cannot be resolved: {str(error).splitlines()[0]}") from error
    return dict(values)


def _interpolated_problems(parsed: Sequence[Override], base: DictConfig, config: Config) -> list[str]:
    """Values of another kind behind `graph.seed=${seed}`, which only the resolved configuration shows."""
    found = []
    for override in parsed:
        if not is_interpolation(override.value()):
            continue
        default: Any = OmegaConf.select(base, override.key_or_group)
        value: Any = config
        for part in override.key_or_group.split("."):
            value = value[part]
        if message := _kind_problem(override.key_or_group, default, value):
            found.append(message)
    return found


def is_interpolation(value: Any) -> bool:
    """Whether a value as typed stands for that of another setting."""
    return isinstance(value, str) and "${" in value


def _quoted(value: Any) -> str:
    """A value of Python as Hydra reads it."""
    if value is None:
        return "null"
    if isinstance(value, str):
        escaped = value.replace("\\", "\\\\").replace("'", "\\'")
        return f"'{escaped}'"
    return str(value)


def _make_paths_absolute(config: Config) -> None:
    """So that a run can be evaluated from any folder."""
    dataset, weights = config["dataset"], config["backbone"].get("weights")
    for part, name in (
        (dataset, "root"),
        (dataset, "cache"),
        (dataset["source"], "root"),
        (dataset["source"], "images"),
    ):
        if part.get(name) is not None:
            part[name] = str(Path(str(part[name])).absolute())
    if config.get("start_from") is not None:
        config["start_from"] = str(Path(str(config["start_from"])).absolute())
    if weights not in NO_WEIGHTS:
        config["backbone"]["weights"] = str(Path(str(weights)).absolute())


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


def compose_tree(overrides: Sequence[str], config_dirs: ConfigDirs = ()) -> DictConfig:
    """The whole configuration under these overrides, not yet resolved; call it inside `initialize_config_dir`."""
    places = ",".join(_quoted(f"file://{folder}") for folder in config_dirs)
    search = [f"hydra.searchpath=[{places}]"] if places else []
    try:
        return compose("config", overrides=[*overrides, *search], return_hydra_config=True)
    except (HydraException, OmegaConfBaseException) as error:
        raise UserError(str(error).splitlines()[0]) from error


def parse(text: str) -> Override:
    """Read one setting.

    Raises:
        UserError: If it is no NAME=VALUE, or asks for several values.
    """
    if "=" not in text:
        raise UserError(f"{text!r} is not a setting; write NAME=VALUE, for instance graph=knn or graph.k=8")
    try:
        override = OverridesParser.create().parse_override(text)
    except HydraException as error:
        raise UserError(f"{text!r} cannot be read as NAME=VALUE; quote values with spaces or commas") from error
    if override.is_sweep_override():
        raise UserError(f"{text!r} names several values; one run takes one, and 'gnn-dml ablate' runs many")
    if override.is_delete() or override.is_add() or override.is_force_add():
        raise UserError(f"{text!r}: settings can be changed, not added or removed; write NAME=VALUE")
    return override


def group_problem(override: Override, known: Mapping[str, list[str]]) -> str | None:
    """What is wrong with `graph=knnn`, given the groups and their names."""
    group, value = override.key_or_group, f"{override.value()!s}"
    if group not in known:
        return None
    if value in known[group]:
        return None
    names = known[group]
    return f"{group}={value} is unknown; {group} is one of {', '.join(names)}.{suggestion(value, names)}"


def setting_problem(override: Override, base: DictConfig, known: Mapping[str, list[str]]) -> str | None:
    """What is wrong with `graph.kk=8` or `graph.k=many`, given the settings that the chosen groups have."""
    key = override.key_or_group
    if key in known:
        return None
    parent: Any = base
    walked: list[str] = []
    for part in key.split("."):
        names = [str(name) for name in parent if name not in ("hydra",)] if isinstance(parent, DictConfig) else []
        if part not in names:
            return _unknown(key, part, walked, names, known)
        walked.append(part)
        node = parent._get_node(part)
        parent = _default(parent, part) if node._is_interpolation() or OmegaConf.is_config(node) else node._value()
    value = override.value()
    return None if is_interpolation(value) else _kind_problem(key, parent, value)


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
    import yaml

    text: str = yaml.safe_dump(dict(config), sort_keys=False)
    return text
