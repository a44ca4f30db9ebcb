"""Whether something is at a path. Python's own questions end in an error on a closed folder or a name too long."""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path

from gnn_dml.errors import UserError

_ABSENT = (errno.ENOENT, errno.ENOTDIR)


def exists(path: Path) -> bool:
    """Whether there is anything, links followed.

    Raises:
        UserError: If that cannot be known: a folder above is closed, the name is too long, links go in a circle.
    """
    return _mode(path) is not None


def is_file(path: Path) -> bool:
    """Whether there is a file; raises as `exists`."""
    mode = _mode(path)
    return mode is not None and stat.S_ISREG(mode)


def is_folder(path: Path) -> bool:
    """Whether there is a folder; raises as `exists`."""
    mode = _mode(path)
    return mode is not None and stat.S_ISDIR(mode)


def _mode(path: Path) -> int | None:
    try:
        return os.stat(path).st_mode  # noqa: PTH116 - the same, and for strings too
    except OSError as error:
        if error.errno in _ABSENT:
            return None
        raise UserError(f"cannot look at {path}: {error.strerror or error}") from error
    except ValueError as error:  # a zero byte
        raise UserError(f"{str(path)!r} is no path: {error}") from error
