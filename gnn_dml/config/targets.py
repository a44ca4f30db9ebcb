"""Which classes and functions a configuration from a file may have built: those that YAMLs name, and trusted packages'.

Hydra calls whatever a `_target_` names. Settings that are typed are the user's own; those inside a checkpoint are its
author's, so they are looked through here before anything is imported. A prefix of the string is no boundary, since a
dotted path can walk through a module into another (`gnn_dml.atomic.os.mkdir`): a target is known word for word, or it
is found to be defined inside a package that the user trusts.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple

import yaml

from gnn_dml.config.names import CONF, groups
from gnn_dml.errors import UserError

Targets = Mapping[str, frozenset[str]]
"""For each part of a configuration (`backbone`, `graph`, ...) the targets that may stand anywhere inside it."""

_MOST_NODES = 20_000
_DEEPEST = 20
_LARGEST = 2**63
_FORBIDDEN = ("_args_", "_recursive_", "_convert_")
_PACKAGE = re.compile(r"^#\s*@package\s+(\S+)", re.MULTILINE)


class _Node(NamedTuple):
    place: str
    value: Any
    depth: int


@lru_cache(maxsize=8)
def allowed_targets(*config_dirs: Path) -> Targets:
    """The targets that the installed YAMLs name, and those of a user's configuration folders.

    Args:
        *config_dirs: Folders laid out as `gnn_dml/conf`: GROUP/NAME.yaml.

    Raises:
        UserError: If a YAML cannot be read.
    """
    found: dict[str, set[str]] = {}
    files = [(CONF, path) for path in sorted(CONF.rglob("*.yaml"))]
    # Only groups: a folder of the user's may hold other people's runs too.
    files += [
        (root, path) for root in config_dirs for group in groups() for path in sorted(root.glob(f"{group}/**/*.yaml"))
    ]
    for root, path in files:
        for part, target in _named_in(path, path.relative_to(root)):
            found.setdefault(part, set()).add(target)
    return {part: frozenset(targets) for part, targets in found.items()}


def check_targets(config: Mapping[str, Any], allowed: Targets, trusted: Sequence[str] = ()) -> None:
    """See to it that nothing but what is allowed would be built from a configuration.

    First the whole of it is looked through, and nothing is imported. Then targets inside a trusted package are located,
    and each has to be defined there: what the package merely imports is not trusted.

    Args:
        config: Plain values, of a file.
        allowed: See `allowed_targets`.
        trusted: Packages, for instance "mypackage" or "mypackage.layers".

    Raises:
        UserError: Naming the place and what stands there, if it is another target, `_args_`, `_recursive_` or
            `_convert_`, an interpolation, or no plain value.
    """
    for package in trusted:
        if not all(part.isidentifier() for part in package.split(".")):
            raise UserError(f"--trust takes the name of a Python package like mypackage.layers, not {package!r}")
    check_plain(config)
    located = []
    for node in _walk(config):
        if not (isinstance(node.value, Mapping) and node.value.get("_target_") is not None):
            continue
        target, place = node.value["_target_"], f"{node.place}._target_".lstrip(".")
        if not isinstance(target, str):
            raise UserError(f"{place} must be the name of a class, and it is {_shown(target)}")
        if target in allowed.get(node.place.partition(".")[0], ()):
            continue
        home = next((name for name in trusted if target.startswith(f"{name}.")), None)
        if home is None:
            raise UserError(
                f"{place}={_shown(target)} is refused: no installed configuration builds that there, and a file may "
                "have nothing else built; if you know and trust the Python package that it comes from, add --trust "
                "PACKAGE"
            )
        located.append((place, target, home))
    for place, target, package in located:
        _check_defined_in(place, target, package)


def check_plain(config: Mapping[str, Any]) -> None:
    """See to it that a configuration holds plain values alone, not too many, and no interpolation.

    Raises:
        UserError: Naming the place and what stands there.
    """
    for node in _walk(config):
        _check_value(node)


def _named_in(path: Path, name: Path) -> Iterator[tuple[str, str]]:
    """Part of the configuration and target, for every target in a YAML file."""
    try:
        text = path.read_text(encoding="utf-8")
        held = yaml.safe_load(text)
    except (OSError, UnicodeDecodeError, yaml.YAMLError, RecursionError) as error:
        raise UserError(f"{path} cannot be read as YAML ({type(error).__name__})") from error
    package = _PACKAGE.search(text)
    top = name.parts[0] if package is None or package[1].startswith("_group_") else package[1].partition(".")[0]
    rootless = len(name.parts) == 1 or top in ("_global_", "_root_")
    for node in _walk(held):
        target = node.value.get("_target_") if isinstance(node.value, Mapping) else None
        if isinstance(target, str):
            yield (node.place.partition(".")[0] if rootless else top), target


def _walk(root: Any) -> Iterator[_Node]:
    """Every value inside, mappings and lists too, in order; a file can hold itself, so number and depth are bounded."""
    waiting, seen = [_Node("", root, 0)], 0
    while waiting:
        node = waiting.pop()
        yield node
        seen += 1
        inner: list[tuple[Any, Any]] = []
        if isinstance(node.value, Mapping):
            inner = list(node.value.items())
        elif isinstance(node.value, (list, tuple)):
            inner = list(enumerate(node.value))
        if node.depth >= _DEEPEST or seen + len(waiting) + len(inner) > _MOST_NODES:
            raise UserError(f"the configuration is nested too deeply or too large, at {_short(node.place)}")
        waiting += [_Node(f"{node.place}.{key}".lstrip("."), value, node.depth + 1) for key, value in reversed(inner)]


def _check_value(node: _Node) -> None:
    """A plain value without an interpolation, and where it is a mapping, with plain keys."""
    value, place = node.value, _short(node.place) or "the configuration"
    if isinstance(value, Mapping):
        for key in value:
            if not isinstance(key, str) or key in _FORBIDDEN or "${" in key:
                raise UserError(f"{place} holds the key {_shown(key)}, which a file may not have")
        if not isinstance(value.get("_partial_", False), bool):
            raise UserError(f"{place}._partial_ must be true or false")
    elif isinstance(value, str):
        if "${" in value or "\0" in value or value == "???":
            raise UserError(f"{place}={_shown(value)} is refused: a file brings no interpolation, every value is plain")
    elif isinstance(value, int):
        if abs(value) >= _LARGEST:
            raise UserError(f"{place} is a whole number of {value.bit_length()} bits, and 63 are the most")
    elif value is not None and not isinstance(value, (float, list, tuple)):
        raise UserError(f"{place} is no plain value but a {type(value).__name__}")


def _check_defined_in(place: str, target: str, package: str) -> None:
    """Locate a target of a trusted package, through modules of that package alone, and see where it is defined."""
    found: Any = _imported(package, place, target)
    for part in target.removeprefix(f"{package}.").split("."):
        if not part.isidentifier() or part.startswith("__"):
            raise UserError(f"{place}={_shown(target)} is no name of a class or function")
        if not isinstance(found, ModuleType) or hasattr(found, part):
            found = getattr(found, part, None)
        else:
            found = _imported(f"{found.__name__}.{part}", place, target)
        if isinstance(found, ModuleType) and not _is_inside(found.__name__, package):
            break
    home = found.__name__ if isinstance(found, ModuleType) else getattr(found, "__module__", None)
    if not (callable(found) and isinstance(home, str) and _is_inside(home, package)):
        raise UserError(
            f"{place}={_shown(target)} is refused: --trust {package} is for what is defined in {package}, and this is "
            f"{'not there' if found is None else f'of {home}'}"
        )


def _imported(module: str, place: str, target: str) -> ModuleType:
    try:
        return import_module(module)
    except Exception as error:  # a module of the user's own, which can fail in any way
        raise UserError(f"{place}={_shown(target)}: {module} cannot be imported ({error})") from error


def _is_inside(module: str, package: str) -> bool:
    return module == package or module.startswith(f"{package}.")


def _shown(value: Any) -> str:
    """A value in a message: never long, and nothing that a terminal would obey."""
    return _short(repr(value)) if isinstance(value, (str, float, bool)) else f"a {type(value).__name__}"


def _short(text: str) -> str:
    return (text if len(text) <= 100 else f"{text[:100]}...").encode("unicode_escape").decode("ascii")
