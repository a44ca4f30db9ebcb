"""Cells from a grid: every combination of the values of its settings that its rules allow, by a readable name.

A study says `grid: {graph: [complete, knn], graph.k: [2, 4]}` and `rules: {graph.k: {graph: [knn]}}`: `graph.k` is then
varied where the graph is kNN and left alone elsewhere, which makes the cells `complete`, `knn k=2` and `knn k=4`.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any

import yaml

from gnn_dml.config.bounded_yaml import pairs
from gnn_dml.config.names import groups
from gnn_dml.config.typed import parse
from gnn_dml.errors import UserError
from gnn_dml.text import show_name

MOST_CELLS = 10_000
"""Combinations of a grid, before its rules."""

Values = Mapping[str, Sequence[str]]
"""The values of each setting, as they are written."""

Rules = Mapping[str, Mapping[str, Sequence[str]]]
"""For a setting, the settings above it on whose values it depends, with those for which it is varied."""


@dataclass(frozen=True)
class Grid:
    """Cells of a grid.

    Attributes:
        cells: Settings of each cell, by its name.
        factors: Of each cell, the value of every setting that is varied in it.
    """

    cells: Mapping[str, tuple[str, ...]]
    factors: Mapping[str, Mapping[str, Any]]


def read_grid(path: Path, grid: yaml.Node | None, rules: yaml.Node | None) -> Grid:
    """The cells of the keys `grid` and `rules` of a study.

    Args:
        path: Of the study, for messages.
        grid: Settings with lists of values; None for no grid.
        rules: See `Rules`; None for none.

    Raises:
        UserError: If the grid is empty or too large, or a rule speaks of what is not in it.
    """
    if grid is None:
        if rules is not None:
            raise UserError(f"{path} has rules and no grid that they are for")
        return Grid({}, {})
    if not isinstance(grid, yaml.MappingNode) or not grid.value:
        raise UserError(f"{path} has an empty grid; it is settings with lists of values like graph.k: [2, 4]")
    values = {name: _values(path, f"grid of {show_name(name)}", node) for name, node in pairs(grid).items()}
    if (number := math.prod(len(held) for held in values.values())) > MOST_CELLS:
        raise UserError(f"{path} has a grid of {number} combinations, and {MOST_CELLS} are the most")
    return expand(values, _rules(path, rules, values))


def expand(values: Values, rules: Rules) -> Grid:
    """Every combination that the rules allow, in the order of the grid, its last setting varied first.

    Args:
        values: Of each setting.
        rules: Naming settings that stand above.
    """
    combinations = dict.fromkeys(
        _allowed(dict(zip(values, chosen, strict=True)), rules) for chosen in product(*values.values())
    )
    varied = [name for name, held in values.items() if len(held) > 1]
    names = [_short_name(combination, varied) for combination in combinations]
    if len(set(names)) < len(names) or "" in names:
        names = [" ".join(f"{name}={value}" for name, value in combination) for combination in combinations]
    named = dict(zip(names, combinations, strict=True))
    return Grid(
        {name: tuple(f"{key}={value}" for key, value in held) for name, held in named.items()},
        {name: {key: _plain(key, value) for key, value in held if key in varied} for name, held in named.items()},
    )


def _allowed(chosen: Mapping[str, str], rules: Rules) -> tuple[tuple[str, str], ...]:
    """A combination without the settings that its rules leave alone."""
    kept: dict[str, str] = {}
    for name, value in chosen.items():
        if all(kept.get(other) in allowed for other, allowed in rules.get(name, {}).items()):
            kept[name] = value
    return tuple(kept.items())


def _short_name(combination: Sequence[tuple[str, str]], varied: Sequence[str]) -> str:
    """`knn k=4`: what is varied, groups by their value alone, other settings by the last part of their name."""
    last, known = [name.rpartition(".")[2] for name in varied], groups()

    def part(name: str, value: str) -> str:
        own = name.rpartition(".")[2]
        if name in known:
            return value
        return f"{own if last.count(own) == 1 else name}={value}"

    return " ".join(part(name, value) for name, value in combination if name in varied)


def _plain(name: str, value: str) -> Any:
    """A value as a number, a truth value, a list or a word."""
    return parse(f"{name}={value}").as_value()


def _rules(path: Path, node: yaml.Node | None, values: Values) -> Rules:
    if node is None:
        return {}
    if not isinstance(node, yaml.MappingNode):
        raise UserError(f"{path}: rules must be like graph.k: {{graph: [knn]}}")
    return {name: _rule(path, name, rule, values) for name, rule in pairs(node).items()}


def _rule(path: Path, name: str, node: yaml.Node, values: Values) -> dict[str, Sequence[str]]:
    shown = show_name(name)
    if name not in values:
        raise UserError(f"{path}: a rule is for {shown}, and the grid has {', '.join(map(show_name, values))}")
    if not isinstance(node, yaml.MappingNode) or not node.value:
        raise UserError(f"{path}: the rule for {shown} must be like {{graph: [knn]}}")
    above = list(values)[: list(values).index(name)]
    found: dict[str, Sequence[str]] = {}
    for other, allowed in pairs(node).items():
        if other not in above:
            known = f"there are {', '.join(map(show_name, above))}" if above else "there are none"
            raise UserError(
                f"{path}: the rule for {shown} names {show_name(other)}, which must be a setting that stands above it "
                f"in the grid; {known}"
            )
        found[other] = _values(path, f"rule for {shown}", allowed)
        if unknown := [value for value in found[other] if value not in values[other]]:
            raise UserError(
                f"{path}: the rule for {shown} names {show_name(f'{other}={unknown[0]}')}, and the grid has "
                f"{', '.join(map(show_name, values[other]))}"
            )
    return found


def _values(path: Path, where: str, node: yaml.Node) -> list[str]:
    if not isinstance(node, yaml.SequenceNode):
        raise UserError(f"{path}: the {where} must be a list of values like [2, 4]")
    if not node.value:
        raise UserError(f"{path}: the {where} is empty, so there is no cell; give it a value or leave it out")
    return [_text(path, where, value) for value in node.value]


def _text(path: Path, where: str, node: yaml.Node) -> str:
    """A value as it is written."""
    if isinstance(node, yaml.SequenceNode):
        return f"[{','.join(_text(path, where, value) for value in node.value)}]"
    if not isinstance(node, yaml.ScalarNode):
        raise UserError(f"{path}: the {where} holds a mapping; it is a list of numbers, words or lists")
    return "null" if node.tag == "tag:yaml.org,2002:null" else str(node.value)
