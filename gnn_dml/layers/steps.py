"""The steps of message passing that a user may change, and whether somebody has.

A dense path computes what the library's own `message`, `edge_update`, `aggregate` and `update` do, without calling
them. So it must not be taken where one of them was overridden, where a hook waits at one of them, or where an explainer
masks their messages.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

from torch_geometric.nn import MessagePassing
from torch_geometric.nn.aggr import MaxAggregation, MeanAggregation, SumAggregation

STEPS = ("message", "edge_update", "aggregate", "update", "message_and_aggregate")
"""Methods of `MessagePassing` that a subclass defines."""

LOOPS = ("propagate", "edge_updater")
"""Methods of `MessagePassing` that call the steps; PyG replaces them by compiled ones when a class is first built."""

HOOKS = tuple(
    f"_{step}_forward_{kind}hooks"
    for step in ("propagate", "message", "aggregate", "message_and_aggregate", "edge_update")
    for kind in ("pre_", "")
)

AGGREGATIONS = {"add": SumAggregation, "sum": SumAggregation, "mean": MeanAggregation, "max": MaxAggregation}


class OwnSteps(MessagePassing):
    """A layer that knows whether its steps are still the library's.

    PyG compiles `propagate` and `edge_updater` into a class when it is first built, and a subclass would inherit the
    compiled ones, which know no explainer. So every class gets `MessagePassing`'s own, as if it stood alone.
    """

    library_steps: ClassVar[dict[str, Callable[..., Any]]]

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        for name in LOOPS:
            if name not in vars(cls) and not _is_overridden(cls, name):
                setattr(cls, name, getattr(MessagePassing, name))
        if OwnSteps in cls.__bases__:
            cls.library_steps = {name: getattr(cls, name) for name in STEPS}

    def has_own_steps(self) -> bool:
        """Whether every step is the library's, with no hook at it and no mask over it."""
        cls, own = type(self), vars(self)
        return (
            all(getattr(cls, name) is step and name not in own for name, step in self.library_steps.items())
            and not any(_is_overridden(cls, name) or _is_replaced(self, name) for name in LOOPS)
            and not any(own[name] for name in HOOKS)
            and not self._explain
            and self._decomposed_layers == 1
            and not _is_watched(self)
        )


def check_steps(layer: OwnSteps, backend: str) -> None:
    """Raise ValueError if "dense" is forced on a layer whose class overrides a step, which no dense path would call."""
    if backend == "dense" and any(
        getattr(type(layer), name) is not step for name, step in layer.library_steps.items()
    ) | any(_is_overridden(type(layer), name) for name in LOOPS):
        raise ValueError(
            f"backend='dense' would pass over the steps of message passing that {type(layer).__name__} overrides; use "
            "backend='auto' or 'sparse'"
        )


def _is_overridden(cls: type, name: str) -> bool:
    """Whether a class has a `propagate` or `edge_updater` that is neither `MessagePassing`'s nor compiled from it."""
    owner = next(parent for parent in cls.__mro__ if name in vars(parent))
    found = vars(owner)[name]
    compiled, source = (vars(owner).get(f"_{kind}_{name}") for kind in ("jinja", "orig"))
    # Where PyG could not compile an override, both are the override.
    return found is not vars(MessagePassing)[name] and (found is not compiled or compiled is source)


def _is_replaced(layer: MessagePassing, name: str) -> bool:
    """Whether an instance has a `propagate` or `edge_updater` that its class does not know."""
    found = vars(layer).get(name)
    known = [getattr(type(layer), f"_{kind}_{name}", None) for kind in ("jinja", "orig")]
    return found is not None and getattr(found, "__func__", None) not in known


def _is_watched(layer: MessagePassing) -> bool:
    """Whether the module that aggregates is another one than the layer was built with, or has hooks of its own."""
    module: Any = layer.aggr_module
    known = AGGREGATIONS.get(layer.aggr) if isinstance(layer.aggr, str) else None
    return type(module) is not known or bool(module._forward_hooks or module._forward_pre_hooks)
