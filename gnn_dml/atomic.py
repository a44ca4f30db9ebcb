"""Write a file so that a reader, or a kill half way, only ever sees the old one or the whole new one."""

import os
import re
import secrets
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

PARTIAL = re.compile(r"\.partial-(\d+-.+|[0-9a-f]{16}(\..*)?)")
"""Names of partial files; those of older versions hold the number of a process."""
LONGEST_SUFFIX = 32
DAY = 86400.0


def write_atomically(path: Path, write: Callable[[Path], object], *, inside: Path | None = None) -> Path:
    """Let `write` fill a temporary neighbour of `path`, then rename it over `path`.

    The neighbour is made under a random name that did not exist before, so that no two writers share it and no link
    can be planted in its place. It is on the disk before it gets its name, and the folder after, so that a power cut
    leaves no empty file either.

    Args:
        path: The file to write; missing parent folders are made.
        write: Called with the temporary path, an empty file. Its suffix is that of `path`, so format guessing still
            works.
        inside: Folder of the temporary file, on the same file system, in the place of that of `path`.

    Returns:
        `path`.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = _new_file(path if inside is None else inside / path.name)
    try:
        write(partial)
        with partial.open("rb+") as file:
            os.fsync(file.fileno())
        os.replace(partial, path)  # noqa: PTH105 - named for what it is: the atomic step
    finally:
        partial.unlink(missing_ok=True)
    _flush_folder(path.parent)
    return path


def is_partial(path: Path) -> bool:
    """Whether a file has the name of one that is being written, or was when its writer was killed."""
    return PARTIAL.fullmatch(path.name) is not None


def sweep_partials(folder: Path, *, age: float = DAY) -> None:
    """Remove the partial files that killed writers left in a folder.

    Args:
        folder: Not its subfolders.
        age: Seconds since the last change of a file; a younger one may still be written.
    """
    # A folder that cannot be read or written has nothing that needs to go.
    with suppress(OSError), os.scandir(folder) as entries:
        for entry in entries:
            if not PARTIAL.fullmatch(entry.name) or not entry.is_file(follow_symlinks=False):
                continue
            with suppress(OSError):
                if time.time() - entry.stat(follow_symlinks=False).st_mtime > age:
                    os.unlink(entry.path)  # noqa: PTH108 - an entry, not a Path


def _new_file(path: Path) -> Path:
    """An empty file beside `path` that only this call has made, with the permissions of an ordinary file."""
    suffix = path.suffix if len(os.fsencode(path.suffix)) <= LONGEST_SUFFIX else ""
    flags = os.O_CREAT | os.O_EXCL | os.O_WRONLY
    while True:
        partial = path.with_name(f".partial-{secrets.token_hex(8)}{suffix}")
        with suppress(FileExistsError):
            os.close(os.open(partial, flags, 0o666))
            return partial


def _flush_folder(folder: Path) -> None:
    """Bring a rename to the disk, on systems and file systems where a folder can be flushed."""
    with suppress(OSError):
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
