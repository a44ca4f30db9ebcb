"""Configurations composed by Hydra once for each choice of groups, and varied from there.

What the package's own files give is kept for the whole process, for as long as none of them changes.

Hydra applies single settings to a composed tree by `OmegaConf.update`; so does `update` here. A setting that no
interpolation speaks of changes nothing but its own value, so it is set in the resolved values alone, which is a
hundred times faster. What comes is Hydra's either way; a test holds the two against each other.
"""

from __future__ import annotations

import copy
import re
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

import yaml
from hydra import compose, initialize_config_dir
from hydra.core.override_parser.types import Quote, QuotedString
from hydra.errors import HydraException
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from gnn_dml.config.brought import undo_what_is_of_others
from gnn_dml.config.names import CONF, ConfigDirs, groups
from gnn_dml.errors import UserError

Config = dict[str, Any]

_NAME = re.compile(r"[\w.@/-]+")


KEPT = 256
"""Resolved configurations that a composer keeps at most; of trees there are as many as choices of groups."""


class Composer:
    """Composes configurations; files are read once, so a composer is for one plan.

    Args:
        config_dirs: The user's own folders of YAMLs, from `gnn_dml.config.names.open_config_dirs`.

    Attributes:
        groups: Each group with its names.
        contents: Of data looked at before, by their places.
    """

    def __init__(self, config_dirs: ConfigDirs = ()) -> None:
        self.config_dirs = config_dirs
        self.groups = groups(config_dirs)
        self.contents: dict[tuple[Path, Path | None], str] = {}
        self._trees: dict[tuple[str, ...], DictConfig] = {}
        self._named: dict[tuple[str, ...], frozenset[str]] = {}
        self._values: dict[tuple[tuple[str, ...], str], Config] = {}

    def tree(self, chosen: Sequence[str]) -> DictConfig:
        """The whole configuration under choices of groups (`graph=knn`), not resolved, and not to be changed.

        A choice that is typed comes with its own settings, not with those that a data set has for another.
        """
        key = tuple(chosen)
        if key not in self._trees:
            files = plain_files(key, self.groups)
            tree = self._composed(key) if files is None else self._exchanged(files)
            self._trees[key] = tree
            self._named[key] = frozenset(named_inside(OmegaConf.to_container(tree, resolve=False)))
        return self._trees[key]

    def _composed(self, key: tuple[str, ...]) -> DictConfig:
        with initialize_config_dir(str(CONF), version_base="1.3"):
            tree = compose_tree(key, self.config_dirs)
        choices = {group: name for group, name in tree.hydra.runtime.choices.items() if group in self.groups}
        OmegaConf.set_struct(tree, False)
        del tree["hydra"]
        tree["choices"] = choices
        names = dict(choice.split("=", 1) for choice in key)
        rest = [choice for choice in key if not choice.startswith("dataset=")]
        undo_what_is_of_others(tree, names, lambda: self.tree(rest), self.config_dirs)
        return tree

    def _exchanged(self, files: Mapping[str, Path]) -> DictConfig:
        """The usual tree with other parts."""
        tree = copy.deepcopy(self.tree(()))
        for group, file in files.items():
            tree[group] = OmegaConf.load(file)
            tree["choices"][group] = file.stem
        return tree

    def values(self, chosen: Sequence[str], settings: Mapping[str, Any]) -> Config:
        """The resolved values under choices of groups and single settings, by their dotted names.

        Raises:
            UserError: If a setting has no place, or something cannot be resolved.
        """
        tree, key = self.tree(chosen), tuple(chosen)
        named = self._named[key].union(named_inside(settings))
        spoken_of = {
            name: value
            for name, value in settings.items()
            if isinstance(value, Mapping) or "${" in repr(value) or any(_meet(name, other) for other in named)
        }
        place = (key, repr(spoken_of))
        if place not in self._values:
            varied = copy.deepcopy(tree)
            update(varied, spoken_of)
            if len(self._values) >= KEPT:
                self._values.clear()
            self._values[place] = plain_values(varied)
        values = copy.deepcopy(self._values[place])
        for name, value in settings.items():
            if name not in spoken_of:
                _set(values, name.split("."), copy.deepcopy(value))
        return values


def composer_for(config_dirs: ConfigDirs = ()) -> Composer:
    """A composer for these folders, that has looked at no data yet; without folders, with the trees composed before.

    A file of the package that is newer, larger, smaller, gone or added makes a new one.
    """
    if config_dirs:
        return Composer(config_dirs)
    files = [(path, path.stat()) for path in sorted(CONF.rglob("*.yaml"))]
    state = tuple((str(path), found.st_mtime_ns, found.st_size, found.st_ino) for path, found in files)
    kept = _of_the_package(state)
    kept.contents = {}
    return kept


@lru_cache(maxsize=1)
def _of_the_package(state: tuple[tuple[str, int, int, int], ...]) -> Composer:
    return Composer()


def plain_files(chosen: Sequence[str], known: Mapping[str, Sequence[str]]) -> dict[str, Path] | None:
    """The files of the package whose content is, as it stands, what some choices put in the place of the usual parts.

    Args:
        chosen: `graph=knn` and the like.
        known: Each group with its names.

    Returns:
        By group; None where nothing is chosen, or a choice is of another kind: of a data set, which speaks of other
        parts too, of a file with defaults or a package of its own, of the user's, or one of two in a group.
    """
    files: dict[str, Path] = {}
    for choice in chosen:
        group, _, name = choice.partition("=")
        file = CONF / group / f"{name}.yaml"
        if group == "dataset" or group in files or name not in known.get(group, ()) or not file.is_file():
            return None
        text = file.read_text(encoding="utf-8")
        if "@package" in text or "defaults:" in text:
            return None
        files[group] = file
    return files or None


def named_inside(value: Any) -> Iterator[str]:
    """The names that interpolations anywhere inside a value speak of, and whatever else they hold that looks like one.

    A relative name (`${.x}`) comes as a single dot, which stands for any.
    """
    if isinstance(value, Mapping):
        value = list(value.values())
    if isinstance(value, (list, tuple)):
        for item in value:
            yield from named_inside(item)
    elif isinstance(value, str) and "${" in value:
        for name in _NAME.findall(value):
            yield "." if name.startswith(".") else name


def _meet(name: str, other: str) -> bool:
    """Whether one name is the other, or lies inside it."""
    return other == "." or name == other or name.startswith(f"{other}.") or other.startswith(f"{name}.")


def _set(values: Config, names: Sequence[str], value: Any) -> None:
    for name in names[:-1]:
        values = values[name]
    values[names[-1]] = value


def update(tree: DictConfig, values: Mapping[str, Any]) -> None:
    """Set values by name, as Hydra does.

    Raises:
        UserError: If one has no place.
    """
    for name, value in values.items():
        try:
            OmegaConf.update(tree, name, value, merge=True)
        except OmegaConfBaseException as error:
            raise UserError(f"{name} cannot be set: {first_line(error)}") from error


def plain_values(tree: DictConfig) -> Config:
    """A composed tree with every interpolation resolved.

    Raises:
        UserError: If one cannot be.
    """
    try:
        values: Any = OmegaConf.to_container(tree, resolve=True)
    except OmegaConfBaseException as error:
        raise UserError(f"the settings cannot be resolved: {first_line(error)}") from error
    return dict(values)


def compose_tree(overrides: Sequence[str], config_dirs: ConfigDirs = ()) -> DictConfig:
    """The whole configuration under these overrides, not yet resolved; call it inside `initialize_config_dir`."""
    places = [QuotedString(f"file://{folder}", Quote.single).with_quotes() for folder in config_dirs]
    search = [f"hydra.searchpath=[{','.join(places)}]"] if places else []
    try:
        return compose("config", overrides=[*overrides, *search], return_hydra_config=True)
    except (HydraException, OmegaConfBaseException, yaml.YAMLError, OSError, ValueError) as error:
        raise UserError(f"the settings cannot be read: {first_line(error)}") from error


def first_line(error: Exception) -> str:
    """What an error says on its first line; its kind where it says nothing."""
    return next(iter(str(error).splitlines()), "") or type(error).__name__
