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
    source = iter(batches)
    while True:
        try:
            batch = next(source)
        except StopIteration:
            return
        except (RuntimeError, ConnectionError, EOFError, FileNotFoundError) as error:
            # What a process that has ended had sent last can no longer be taken from it.
            lost = isinstance(error, (OSError, EOFError)) and bool(getattr(batches, "num_workers", 0))
            if not lost and "DataLoader worker" not in str(error):
                raise
            said = next(iter(str(error).splitlines()), type(error).__name__).rstrip(".")
            raise UserError(
                f"a process that loads images has ended ({said}): where the memory is not enough for several, take "
                "fewer (workers=0 takes none)"
            ) from error
        yield batch
