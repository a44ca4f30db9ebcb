"""What a search for settings may try: a YAML file of ranges and choices, read without Optuna."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from gnn_dml.config.bounded_yaml import compose_yaml, construct, pairs
from gnn_dml.config.names import SPACE, ConfigDirs, named_file, names_in, suggestion
from gnn_dml.errors import UserError
from gnn_dml.text import exists, show_name

SAMPLERS = ("tpe", "random")
_KEYS = ("settings", "overrides", "by", "sampler")
_RANGE_KEYS = ("low", "high", "log")


@dataclass(frozen=True)
class Choice:
    """One of several values, as they are typed."""

    values: tuple[str, ...]


@dataclass(frozen=True)
class Range:
    """A number from `low` to `high`, both included; `whole` where both are whole numbers."""

    low: float
    high: float
    log: bool
    whole: bool

    def text(self, value: float) -> str:
        """A value as it is typed: four digits are enough to name a rate."""
        return str(int(value)) if self.whole else repr(float(f"{value:.4g}"))


@dataclass(frozen=True)
class SearchSpace:
    """What is tried.

    Attributes:
        name: Of the file.
        settings: By the name of the setting.
        overrides: Settings of every trial.
        by: Validation metrics whose mean is maximised, such as `refined_map@r`; none is the metric that chooses the
            epoch (`protocol.select_by`).
        sampler: "tpe" (tree-structured Parzen estimator, ten random trials first) or "random".
    """

    name: str
    settings: Mapping[str, Choice | Range]
    overrides: tuple[str, ...] = ()
    by: tuple[str, ...] = ()
    sampler: str = "tpe"


def read_space(name: str, config_dirs: ConfigDirs = ()) -> SearchSpace:
    """A search space of the package or of a user's own folder (DIR/space/mine.yaml) by name, or a YAML file.

    Raises:
        UserError: If there is none of that name, or its contents are not a search space.
    """
    path = named_file(SPACE, name, config_dirs)
    if not (exists(path) and path.is_file()):
        known = names_in(SPACE, config_dirs)
        raise UserError(
            f"there is no search space {show_name(name)!r}; the package has {', '.join(known)}, and a YAML file of "
            f"yours is welcome.{suggestion(name, known)}"
        )
    node = compose_yaml(path)
    try:
        return _space(path, node)
    except (yaml.YAMLError, ValueError) as error:
        if isinstance(error, UserError):
            raise
        raise UserError(f"{path} is no YAML of a search space: {' '.join(str(error).split())[:300]}") from error


def _space(path: Path, node: yaml.Node | None) -> SearchSpace:
    content = pairs(node) if isinstance(node, yaml.MappingNode) else {}
    unknown = [show_name(key) for key in content if key not in _KEYS]
    if unknown:
        raise UserError(f"{path} has unknown keys {', '.join(unknown)}; known are {', '.join(_KEYS)}")
    settings = content.get("settings")
    if not isinstance(settings, yaml.MappingNode) or not settings.value:
        raise UserError(f"{path} needs the key settings: names of settings, each with a list or {{low: , high: }}")
    sampler = construct(content["sampler"]) if "sampler" in content else "tpe"
    if sampler not in SAMPLERS:
        raise UserError(f"{path}: sampler must be one of {', '.join(SAMPLERS)}, not {sampler!r}")
    return SearchSpace(
        name=path.stem,
        settings={key: _domain(path, key, one) for key, one in pairs(settings).items()},
        overrides=_words(path, "overrides", content.get("overrides")),
        by=_words(path, "by", content.get("by")),
        sampler=str(sampler),
    )


def _domain(path: Path, key: str, node: yaml.Node) -> Choice | Range:
    where = f"{path}: {show_name(key)}"
    if isinstance(node, yaml.SequenceNode):
        if any(not isinstance(one, yaml.ScalarNode) for one in node.value):
            raise UserError(f"{where} must be a list of plain values")
        values = tuple(one.value for one in node.value if isinstance(one, yaml.ScalarNode))
        if len(set(values)) < 2 or len(set(values)) < len(values):
            raise UserError(f"{where} must be a list of two or more different values, not {_shown(list(values))}")
        return Choice(values)
    held = construct(node)
    if not isinstance(held, dict) or any(name not in _RANGE_KEYS for name in held) or not {"low", "high"} <= set(held):
        raise UserError(
            f"{where} must be a list of values or a range {{low: 0.01, high: 1.0, log: true}}, not {_shown(held)}"
        )
    low, high, log = held["low"], held["high"], held.get("log", False)
    if not _is_number(low) or not _is_number(high) or not isinstance(log, bool):
        raise UserError(f"{where}: low and high must be numbers and log true or false, not {_shown(held)}")
    if not low < high or (log and low <= 0):
        raise UserError(f"{where}: low must be below high{', and above 0 with log' if log else ''}, not {_shown(held)}")
    return Range(float(low), float(high), log, isinstance(low, int) and isinstance(high, int))


def _is_number(value: Any) -> bool:
    return (
        isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < 2**53 and math.isfinite(value)
    )


def _words(path: Path, where: str, node: yaml.Node | None) -> tuple[str, ...]:
    held = [] if node is None else construct(node)
    if not isinstance(held, list) or any(not isinstance(one, str) for one in held):
        raise UserError(f"{path}: {where} must be a list of words, not {_shown(held)}")
    return tuple(held)


def _shown(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 100 else f"{text[:100]}..."
