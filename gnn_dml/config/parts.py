"""What every part of a configuration has, so that other rules may count on it; YAMLs of a user's own may lack it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

BUILT = ("backbone", "graph", "layer", "sampler")
"""Groups whose settings are the arguments of one class, which `_target_` names."""


def part_problems(config: Mapping[str, Any]) -> list[str]:
    """One sentence for each group that is no mapping, or names no class where it has to.

    A graph without a class would be none, and its run one without a refiner.

    Args:
        config: Resolved, with the names of the chosen groups under `choices`.

    Example:
        >>> part_problems({"choices": {"graph": "mine"}, "graph": {"k": 3}})
        ['graph=mine names no class: its YAML needs _target_, for instance _target_: mymodule.MyClass']
    """
    found = []
    for group, name in config["choices"].items():
        if group not in config:  # what a checkpoint does not bring, its loss, is not built
            continue
        part = config[group]
        if not isinstance(part, Mapping):
            kind = "null" if part is None else f"a {type(part).__name__}"
            found.append(f"{group}={name} must be a mapping of settings, and its YAML holds {kind}")
        elif group in BUILT and (group, name) != ("graph", "none"):
            target = part.get("_target_")
            if not isinstance(target, str) or not target:
                shown = "" if target is None else f", which is {target!r} there"
                found.append(
                    f"{group}={name} names no class: its YAML needs _target_{shown}, for instance _target_: "
                    "mymodule.MyClass"
                )
    return found
