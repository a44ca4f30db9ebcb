"""Modules that have shapes and no numbers, however large they are."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor
from torch.nn import init
from torch.overrides import TorchFunctionMode

FILLING: Collection[Callable[..., Any]] = frozenset(
    {init.kaiming_uniform_, init.normal_, init.uniform_, Tensor.normal_, Tensor.uniform_}
)
"""What fills a tensor with random numbers and returns it."""


class _LeaveEmpty(TorchFunctionMode):
    """Leaves tensors without numbers as they are; torch looks each of them over for a millisecond."""

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Sequence[type],
        args: Sequence[Any] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        kwargs = kwargs or {}
        if func in FILLING:
            tensor = args[0] if args else kwargs.get("tensor")
            if isinstance(tensor, Tensor) and tensor.is_meta:
                return tensor
        return func(*args, **kwargs)


@contextmanager
def outline() -> Iterator[None]:
    """What is built inside has shapes and no numbers: nothing is allocated, no random number is drawn.

    Example:
        >>> with outline():
        ...     module = torch.nn.Linear(10**6, 10**6)
        >>> module.weight.shape, module.weight.device
        (torch.Size([1000000, 1000000]), device(type='meta'))
    """
    with torch.device("meta"), _LeaveEmpty():
        yield
