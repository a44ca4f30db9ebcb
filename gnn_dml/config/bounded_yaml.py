"""YAML of a user's that cannot fill the memory: its size is known before it is built."""

from __future__ import annotations

from pathlib import Path

import yaml

from gnn_dml.errors import UserError

LARGEST = 2**20
"""Bytes of a file."""

MOST = 100_000
"""Values of a file, counted as often as aliases repeat them."""

DEEPEST = 50

LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
"""Compiled where there is one: ten times as fast."""


def loader_for(text: str) -> type[yaml.SafeLoader]:
    """The quick loader; the other one for texts that may hold what libyaml refuses.

    Bytes of a path that are no UTF-8 are lone surrogates in Python, which a YAML holds by their number.
    """
    loader: type[yaml.SafeLoader] = yaml.SafeLoader if "\\ud" in text.lower() else LOADER
    return loader


def compose_yaml(path: Path) -> yaml.Node | None:
    """The nodes of a YAML file, in which aliases are the same node again; None for an empty one.

    Raises:
        UserError: If the file cannot be read, is no YAML, has a key more than once, holds itself, or is larger or
            deeper than any settings are.
    """
    try:
        if path.stat().st_size > LARGEST:
            raise UserError(f"{path} has more than {LARGEST} bytes, and a file of settings has not")
        text = path.read_text(encoding="utf-8")
        _check_depth(path, text)
        node: yaml.Node | None = yaml.compose(text, LOADER)
    except OSError as error:
        raise UserError(f"cannot read {path}: {error.strerror or error}") from error
    except (yaml.YAMLError, UnicodeDecodeError, RecursionError) as error:
        raise UserError(f"{path} is no YAML: {' '.join(str(error).split())}") from error
    if node is not None:
        _check_size(path, node)
        if twice := _keys_named_twice(node, set()):
            raise UserError(f"{path} has {', '.join(twice)} more than once")
    return node


def construct(node: yaml.Node) -> object:
    """The value of a node, plain.

    Raises:
        yaml.YAMLError: If it has none, for instance under a tag of its own.
        ValueError: Likewise, for instance a date that there is not, or a number too long to be read.
    """
    loader = yaml.SafeLoader("")
    try:
        return loader.construct_document(node)
    finally:
        loader.dispose()


def pairs(node: yaml.MappingNode) -> dict[str, yaml.Node]:
    """The values of a mapping by its keys as they are written: `1.10` is no number here, and `on` no truth value.

    Merged mappings (`<<`) are in it.

    Raises:
        yaml.YAMLError: If something else is merged.
    """
    loader = yaml.SafeLoader("")
    try:
        loader.flatten_mapping(node)
    finally:
        loader.dispose()
    return {str(key.value): value for key, value in node.value}


def _check_depth(path: Path, text: str) -> None:
    depth = 0
    for event in yaml.parse(text, LOADER):
        depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
        if depth > DEEPEST:
            raise UserError(f"{path} is nested more than {DEEPEST} deep")


def _check_size(path: Path, root: yaml.Node) -> None:
    """Count the values below each node once, and add them up where aliases repeat it."""
    sizes: dict[int, int] = {}
    open_now: set[int] = set()

    def size(node: yaml.Node) -> int:
        if id(node) in open_now:
            raise UserError(f"{path} holds an alias of itself")
        if id(node) not in sizes:
            open_now.add(id(node))
            sizes[id(node)] = 1 + sum(size(child) for child in _children(node))
            open_now.remove(id(node))
        if sizes[id(node)] > MOST:
            raise UserError(f"{path} stands for more than {MOST} values, by aliases that repeat others")
        return sizes[id(node)]

    size(root)


def _children(node: yaml.Node) -> list[yaml.Node]:
    if isinstance(node, yaml.MappingNode):
        return [child for pair in node.value for child in pair]
    return list(node.value) if isinstance(node, yaml.SequenceNode) else []


def _keys_named_twice(node: yaml.Node, seen: set[int]) -> list[str]:
    """Keys that stand twice in the same mapping, of which YAML would silently keep the last."""
    if id(node) in seen:
        return []
    seen.add(id(node))
    found = []
    if isinstance(node, yaml.MappingNode):
        keys = [str(key.value) for key, _ in node.value if isinstance(key, yaml.ScalarNode) and key.value != "<<"]
        found = list(dict.fromkeys(key for key in keys if keys.count(key) > 1))
    return [*found, *(name for child in _children(node) for name in _keys_named_twice(child, seen))]
