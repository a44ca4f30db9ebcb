"""A checkpoint brings no paths: they stay in the config.yaml of the run's folder, on the machine that has them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import Any

import yaml

from gnn_dml.config.bounded_yaml import DEEPEST, loader_for
from gnn_dml.errors import UserError

_BY_NAME = ("root", "images", "cache", "cache_dir")
_LARGEST = 100_000


def without_paths(config: Mapping[str, Any]) -> tuple[dict[str, Any], tuple[str, ...]]:
    """A configuration with null where a path was, and the places of those in the data set.

    Left out are `out`, `start_from`, `backbone.weights` (the weights of a checkpoint stand beside its configuration),
    and inside `dataset` what is called root, images or cache, and every absolute path.

    Args:
        config: Resolved.
    """
    left_out: list[str] = []

    def strip(part: Mapping[str, Any], place: str) -> dict[str, Any]:
        kept: dict[str, Any] = {}
        for name, value in part.items():
            inside = f"{place}.{name}"
            if isinstance(value, Mapping):
                kept[name] = strip(value, inside)
            elif isinstance(value, str) and (name in _BY_NAME or _is_absolute(value)):
                kept[name] = None
                left_out.append(inside)
            else:
                kept[name] = None if name in _BY_NAME else value
        return kept

    bare = dict(config)
    for name in ("out", "start_from"):
        if name in bare:
            bare[name] = None
    if isinstance(bare.get("dataset"), Mapping):
        bare["dataset"] = strip(bare["dataset"], "dataset")
    if isinstance(bare.get("backbone"), Mapping) and "weights" in bare["backbone"]:
        bare["backbone"] = {**bare["backbone"], "weights": None}
    return bare, tuple(left_out)


def with_paths_of(folder: Path, config: dict[str, Any], left_out: Sequence[str]) -> dict[str, Any]:
    """The configuration with the paths of its data set that the config.yaml in a run's folder holds.

    Of that file nothing else is used. A cache is used again if it is there, and never made.

    Args:
        folder: Where the checkpoint lies.
        config: Of the checkpoint.
        left_out: See `without_paths`.

    Raises:
        UserError: If the file cannot be read, or holds something else in such a place.
    """
    file = folder / "config.yaml"
    if not left_out or not file.is_file():
        return config
    held = _read(file)
    for place in left_out:
        value: Any = held
        for name in place.split("."):
            value = value.get(name) if isinstance(value, Mapping) else None
        if value is not None and (not isinstance(value, str) or "${" in value or "\0" in value):
            raise UserError(f"{file}: {place} must be a path, word for word, or null")
        if value is None or (place.endswith(".cache") and not (Path(value) / "index.sqlite").is_file()):
            continue
        config = _with(config, place.split("."), value)
    return config


def _read(file: Path) -> Any:
    try:
        if file.stat().st_size > _LARGEST:
            raise UserError(f"{file} is no configuration of a run: it has more than {_LARGEST} bytes")
        text = file.read_text(encoding="utf-8")
        depth = 0
        for event in yaml.parse(text, loader_for(text)):
            # Merged mappings can be merged again: some hundred bytes of them would fill the memory.
            if isinstance(event, yaml.ScalarEvent) and event.value == "<<":
                raise UserError(f"{file} is no configuration of a run: it merges mappings (<<)")
            depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
            if depth > DEEPEST:
                raise UserError(f"{file} is no configuration of a run: it is nested more than {DEEPEST} deep")
        return yaml.load(text, loader_for(text))
    except (OSError, UnicodeDecodeError, yaml.YAMLError, RecursionError, ValueError) as error:
        if isinstance(error, UserError):
            raise
        raise UserError(f"{file} cannot be read ({type(error).__name__}); name a .pt file elsewhere instead") from error


def _with(config: dict[str, Any], names: Sequence[str], value: Any) -> dict[str, Any]:
    """Set where the place is there; else the configuration as it was."""
    first, *rest = names
    if first not in config or (rest and not isinstance(config[first], dict)):
        return config
    return {**config, first: _with(config[first], rest, value) if rest else value}


def _is_absolute(text: str) -> bool:
    return PurePosixPath(text).is_absolute() or PureWindowsPath(text).is_absolute()
