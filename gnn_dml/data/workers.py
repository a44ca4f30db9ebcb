"""Processes that load images: what is said when one of them ends before its work."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TypeVar

from gnn_dml.errors import UserError

T = TypeVar("T")


def watch_workers(batches: Iterable[T]) -> Iterator[T]:
    """The batches of a DataLoader.

    Raises:
        UserError: If a process that loads them was ended from outside, as the system does where memory is short.
    """
    try:
        yield from batches
    except RuntimeError as error:
        if "DataLoader worker" not in str(error):
            raise
        raise UserError(
            f"a process that loads images has ended ({str(error).splitlines()[0].rstrip('.')}): where the memory is "
            "not enough for several, take fewer (workers=0 takes none)"
        ) from error
