"""A resolved configuration as one level of dotted names: `graph.k`, `optimizer.lr`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def flatten(config: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Settings by dotted name, in the order of the configuration; lists stay lists, empty mappings vanish.

    >>> flatten({"graph": {"_target_": "gnn_dml.graphs.KNN", "k": 8}, "seed": 0})
    {'graph._target_': 'gnn_dml.graphs.KNN', 'graph.k': 8, 'seed': 0}
    """
    flat: dict[str, Any] = {}
    for key, value in config.items():
        name = f"{prefix}{key}"
        if isinstance(value, Mapping):
            flat |= flatten(value, f"{name}.")
        else:
            flat[name] = value
    return flat
