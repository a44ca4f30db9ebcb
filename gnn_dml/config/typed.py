"""One setting as typed, `NAME=VALUE`: a word or a path stays the text that it is, other values are read by Hydra."""

from __future__ import annotations

import copy
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.errors import HydraException

from gnn_dml.errors import UserError
from gnn_dml.text import show_name

PATHS = ("out", "dataset.root", "dataset.images", "dataset.cache", "backbone.weights", "start_from")
"""Settings that are paths."""

TEXTS = (*PATHS, "study_name", "cell", "device")
"""Settings that are text whatever it looks like; so is every setting whose default is a word."""

_NEVER_NULL = ("out", "study_name")
_QUOTED = re.compile(r"""(?s)(["'])(.*)\1""")
_LONGEST_NUMBER = 400
"""Digits in a row that a value other than text may have; no setting has as many, and they take long to read."""


@dataclass(frozen=True)
class Setting:
    """A setting.

    Attributes:
        name: Of a group, or with dots of a setting.
        text: What stands behind the "=".
    """

    name: str
    text: str

    def __str__(self) -> str:
        shown = show_name(f"{self.name}={self.text}")
        return shown if len(shown) <= 200 else f"{shown[:200]}..."

    def as_text(self) -> Any:
        r"""The value of a setting that is a word or a path: the text itself.

        `null` is none where there can be none; in quotes it stands for what is between them; with `${` in it for what
        the settings say that it names, and `\${` is two characters of a name.
        """
        if self.text.lower() == "null" and self.name not in _NEVER_NULL:
            return None
        quoted = _QUOTED.fullmatch(self.text)
        return quoted[2] if quoted and quoted[1] not in quoted[2] else self.text

    def as_value(self) -> Any:
        """The value of any other setting: a number, a truth value, a list, a word.

        Raises:
            UserError: If it is none, or there are several.
        """
        return copy.deepcopy(_read(self))


@lru_cache(maxsize=4096)
def _read(setting: Setting) -> Any:
    if re.search(rf"\d{{{_LONGEST_NUMBER}}}", setting.text.replace("_", "")):
        raise UserError(f"{setting} is a number of more than {_LONGEST_NUMBER} digits")
    try:
        override = OverridesParser.create().parse_override(f"{setting.name}={setting.text}")
    except (HydraException, RecursionError, ValueError) as error:
        raise UserError(f"'{setting}' cannot be read as NAME=VALUE; a word like this is put in quotes") from error
    if override.is_sweep_override():
        raise UserError(f"'{setting}' names several values; one run takes one, and 'gnn-dml ablate' runs many")
    return override.value()


def parse(text: str) -> Setting:
    """Read one setting.

    Raises:
        UserError: If it is no NAME=VALUE.
    """
    name, found, value = text.partition("=")
    if not found:
        raise UserError(f"{show_name(text)!r} is not a setting; write NAME=VALUE, for instance graph=knn or graph.k=8")
    setting = Setting(name, value)
    if name.startswith(("+", "~")):
        raise UserError(f"'{setting}': settings can be changed, not added or removed; write NAME=VALUE")
    if not re.fullmatch(r"\w[\w./@-]*", name) or "\0" in value:
        raise UserError(f"'{setting}' cannot be read as NAME=VALUE")
    return setting


def is_interpolation(value: Any) -> bool:
    """Whether a value as typed stands for that of another setting."""
    return isinstance(value, str) and re.search(r"(?<!\\)(\\\\)*\$\{", value) is not None


def literal(value: Any) -> Any:
    """A value that stands for itself, as OmegaConf is told."""
    return re.sub(r"(\\*)\$\{", r"\1\1\\${", value) if isinstance(value, str) else value


def path_problems(typed: Mapping[str, Any]) -> list[str]:
    """Paths and words by name that are none: numbers, as YAML reads a date without quotes, and nothing at all."""
    found = []
    for name, value in typed.items():
        if value is None:
            continue
        if not isinstance(value, str):
            found.append(f"{name}={value} is no text as its YAML has it; put it in quotes there")
        elif not value.strip() and name != "cell":
            found.append(f"{name} is empty, and it has to name something")
    return found
