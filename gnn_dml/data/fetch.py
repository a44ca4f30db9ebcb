"""Batches out of other processes, whose end is a sentence and not a traceback."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TypeVar

from gnn_dml.errors import UserError

T = TypeVar("T")


def fetch(batches: Iterable[T]) -> Iterator[T]:
    """What a DataLoader yields.

    Raises:
        UserError: If one of its processes has ended, as the system ends one that takes too much memory.
    """
    source = iter(batches)
    while True:
        try:
            batch = next(source)
        except StopIteration:
            return
        except (RuntimeError, ConnectionError, EOFError, FileNotFoundError) as error:
            # What a process that has ended had sent last can no longer be taken from it.
            lost = isinstance(error, (OSError, EOFError)) and getattr(batches, "num_workers", 0)
            if not lost and "DataLoader worker" not in str(error):
                raise
            raise UserError(
                "a process that loads images has ended, most likely for want of memory; fewer of them need less "
                "(workers=0: none)"
            ) from error
        yield batch
