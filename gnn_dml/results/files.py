"""The files that results write into the folder of a study: one process at a time, whole, and only if they change."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pandas as pd
from filelock import FileLock

from gnn_dml.atomic import write_atomically
from gnn_dml.errors import UserError
from gnn_dml.text import show_text

LONGEST_WAIT = 60.0
"""Seconds to wait for another process that rebuilds the files, which takes less than a few."""


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """One process at a time, where the folder can be written and its file system knows locks."""
    path = folder / ".results.lock"
    lock = FileLock(path, timeout=LONGEST_WAIT)
    try:
        if not path.is_symlink():
            lock.acquire()
    except (OSError, NotImplementedError):  # a folder that is only to be read, no locks, or a holder that hangs
        pass
    try:
        yield
    finally:
        lock.release()


def write_changed(path: Path, content: bytes) -> None:
    """Write a file atomically, unless it says the same already.

    Raises:
        UserError: If it cannot be written.
    """
    try:
        if path.read_bytes() == content:
            return
    except OSError:  # not there, or not to be read
        pass
    try:
        write_atomically(path, lambda partial: partial.write_bytes(content))
    except OSError as error:
        raise UserError(f"cannot write {path}: {error.strerror or error}") from error


def write_frame(path: Path, frame: pd.DataFrame) -> None:
    """The same of a frame, as a CSV that pandas reads without options.

    Raises:
        UserError: If it cannot be written.
    """
    write_changed(path, show_text(frame.to_csv(index=False, lineterminator="\n")).encode())
