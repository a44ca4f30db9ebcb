"""Numbers in a file, bounded before anything of their size is made: by the weights beside them, or by a constant."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from typing import Any

from torch import Tensor

from gnn_dml.errors import UserError

LARGEST_IMAGE = 2**11
"""Side in pixels; an evaluation batch of 256 such images takes 13 GB, one of twice the side four times as much."""

SMALL = 1024
"""A number up to here needs no such size in the weights: it may be a number of heads, of hops, of a kernel."""

MOST_NEIGHBOURS = 2**14
_SIZED = ("backbone", "refiner", "layer")


def check_sizes(config: Mapping[str, Any], num_classes: int, weights: Mapping[str, Tensor]) -> None:
    """See to it that no number of a checkpoint asks for more than its weights or a constant allow.

    Args:
        config: Of the checkpoint, plain values.
        num_classes: Likewise.
        weights: By name.

    Raises:
        UserError: Naming the first number that is too large.
    """
    most = max([SMALL, *(max(tensor.shape) for tensor in weights.values() if tensor.dim() and tensor.numel())])
    _check("num_classes", num_classes, most, "the largest size in the weights")
    for part in _SIZED:
        for place, name, value in _numbers(config.get(part), part):
            if name == "num_layers":
                _check(place, value, max(1, _blocks(weights)), "the number of blocks in the weights")
            elif name == "image_size":
                _check(place, value, LARGEST_IMAGE, "the largest side of an image")
            else:
                _check(place, value, most, "the largest size in the weights")
    dataset = config.get("dataset")
    seen = {name: dataset.get(name) for name in ("transform", "cache_side")} if isinstance(dataset, Mapping) else {}
    for place, _, value in _numbers(seen, "dataset"):
        _check(place, value, LARGEST_IMAGE, "the largest side of an image")
    for place, name, value in (*_numbers(config.get("graph"), "graph"), *_numbers(config.get("protocol"), "protocol")):
        if name in ("k", "neighbours", "folds") or place.startswith("protocol.choose_neighbours."):
            _check(place, value, MOST_NEIGHBOURS, "the most that a file may ask for")
    _check("seed", config.get("seed", 0), 2**32 - 1, "the largest seed")


def fewer_workers(config: Mapping[str, Any]) -> dict[str, Any]:
    """The configuration with no more processes that load images than this machine has cores."""
    asked = config.get("workers", 0)
    workers = asked if isinstance(asked, int) and asked >= 0 else 0
    return {**config, "workers": min(workers, os.cpu_count() or 1)}


def _check(place: str, value: Any, most: int, what: str) -> None:
    if not isinstance(value, (int, float)) or isinstance(value, bool):
        raise UserError(f"{place} must be a number, not a {type(value).__name__}")
    if value > most:
        raise UserError(f"{place}={value} in the checkpoint is above {most}, {what}")


def _numbers(part: Any, place: str) -> Iterator[tuple[str, str, float]]:
    """Place, last name and value of every number in a part of the configuration."""
    items: Any = ()
    if isinstance(part, Mapping):
        items = part.items()
    elif isinstance(part, (list, tuple)):
        items = enumerate(part)
    for name, value in items:
        if isinstance(value, (Mapping, list, tuple)):
            yield from _numbers(value, f"{place}.{name}")
        elif isinstance(value, (int, float)) and not isinstance(value, bool):
            yield f"{place}.{name}", str(name), value


def _blocks(weights: Mapping[str, Tensor]) -> int:
    """How many blocks of a refiner the weights are of."""
    prefix = "refiner.blocks."
    return len({name.removeprefix(prefix).partition(".")[0] for name in weights if name.startswith(prefix)})
