"""Write a file so that a reader, or a kill half way, only ever sees the old one or the whole new one."""

import os
from collections.abc import Callable
from pathlib import Path


def write_atomically(path: Path, write: Callable[[Path], object]) -> Path:
    """Let `write` fill a temporary neighbour of `path`, then rename it over `path`.

    Args:
        path: The file to write; missing parent folders are made.
        write: Called with the temporary path. Its suffix is that of `path`, so format guessing still works.

    Returns:
        `path`.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".partial-{os.getpid()}-{path.name}")
    try:
        write(partial)
        os.replace(partial, path)  # noqa: PTH105 - named for what it is: the atomic step
    finally:
        partial.unlink(missing_ok=True)
    return path
