"""A transform on one line, for rows and messages: the same text in every process."""

from __future__ import annotations

import inspect
import re

from torch_geometric.transforms import BaseTransform, Compose

_ADDRESS = re.compile(r"\b0x[0-9a-fA-F]+")
_MOST = 8  # entries of a tuple or list that is written out


def parts(topology: BaseTransform) -> list[BaseTransform]:
    """What runs one after the other: the transforms of a `Compose`, also of one inside another, or the one alone."""
    # A subclass of Compose may run its transforms in a way of its own.
    if type(topology) is not Compose:
        return [topology]
    return [part for inner in topology.transforms for part in parts(inner)]


def describe(topology: BaseTransform) -> str:
    """The parts of a transform on one line.

    A part with a `__repr__` of its own speaks for itself, unless that holds a memory address; any other is written as
    its class with its plain attributes (`with_attributes`).

    >>> from torch_geometric.transforms import Compose
    >>> from gnn_dml.graphs import KNN, DropEdge, describe
    >>> describe(Compose([KNN(8), DropEdge(0.2)]))
    'KNN(k=8, loop=True) + DropEdge(p=0.2)'
    """
    return " + ".join(_described(part) for part in parts(topology)) or "an empty Compose"


def with_attributes(thing: object) -> str:
    """The class of an object and its plain public attributes, as in `KNN(k=8, loop=True)`.

    Those that the constructor takes come first, in its order, then the others by name. Plain are numbers, strings,
    booleans, None, and short tuples and lists of them; anything else is left out.
    """
    found = {name: value for name, value in getattr(thing, "__dict__", {}).items() if name[0] != "_" and _plain(value)}
    taken = [name for name in inspect.signature(type(thing)).parameters if name in found]
    others = sorted(name for name in found if name not in taken)
    return f"{type(thing).__name__}({', '.join(f'{name}={found[name]!r}' for name in [*taken, *others])})"


def _described(part: BaseTransform) -> str:
    if inspect.isroutine(part):
        return str(part.__qualname__)
    text = repr(part)
    # PyG's own __repr__ of a transform names the class and no parameter.
    if type(part).__repr__ in (object.__repr__, BaseTransform.__repr__) or _ADDRESS.search(text):
        inside = getattr(part, "transforms", None)
        text = with_attributes(part)
        if isinstance(inside, (list, tuple)):
            text = f"{type(part).__name__}([{', '.join(describe(inner) for inner in inside)}])"
    return " ".join(text.split())


def _plain(value: object) -> bool:
    if isinstance(value, (list, tuple)):
        return len(value) <= _MOST and all(_plain(inner) for inner in value)
    return value is None or isinstance(value, (bool, int, float, str))
