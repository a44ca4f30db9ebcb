"""The one walk over a data folder: links followed, circles left out, nothing unreadable passed by in silence."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

from gnn_dml.errors import UserError

MOST_VISITS = 100
"""Ways by which one folder may be reached through links; a few folders linked crosswise have millions."""

PASSED_BY = ("__MACOSX", "System Volume Information", "$RECYCLE.BIN", "lost+found", "@eaDir")
"""Folders that archivers and systems leave behind."""

HIDDEN = "hidden"
LEFT_BEHIND = "folders of archivers and systems"
CIRCLE = "links that lead in a circle"
BROKEN = "links to nothing"
SPECIAL = "devices and pipes"

PassOver = Callable[[str, str], object]
"""Called with the name of what is passed over, relative to the root, and the reason."""


Identity = tuple[int, int]
"""Device and inode."""


class _Folder(NamedTuple):
    path: str
    prefix: str  # of the names inside
    real: str  # with its links resolved
    above: frozenset[Identity]  # the folders that it lies in; a link back to one of them is a circle


class Found(NamedTuple):
    """A file below a folder.

    Attributes:
        name: Relative to the root of the walk, with forward slashes.
        real: Where it truly lies, links resolved.
        entry: As the system lists it.
    """

    name: str
    real: str
    entry: os.DirEntry[str]


class Listed(NamedTuple):
    """What lies directly in a folder, by name."""

    folders: list[os.DirEntry[str]]
    files: list[os.DirEntry[str]]


def walk(root: Path, below: str = "", *, pass_over: PassOver = lambda name, reason: None) -> Iterator[Found]:
    """Every file below a folder, but for hidden ones and what archivers and systems leave behind.

    Args:
        root: To which names are relative.
        below: A folder inside; the whole root by default.
        pass_over: See `PassOver`.

    Raises:
        UserError: If a folder cannot be listed; the message names it.
    """
    start = os.path.join(root, below) if below else os.fspath(root)  # noqa: PTH118 - strings: 60,000 Paths are slow
    outer = [root.joinpath(*below.split("/")[:depth]) for depth in range(len(below.split("/")))] if below else []
    visits: Counter[Identity] = Counter()
    # A link to a folder that holds the root is a circle too, although it leads out of it first.
    holders = [*Path(os.path.realpath(root)).parents, *Path(os.path.realpath(start)).parents, *outer]
    above = frozenset(_identify(os.fspath(folder)) for folder in holders)
    waiting = [_Folder(start, f"{below}/" if below else "", os.path.realpath(start), above)]
    while waiting:
        folder = waiting.pop()
        here = _identify(folder.path)
        if here in folder.above:
            pass_over(folder.prefix.rstrip("/"), CIRCLE)
            continue
        visits[here] += 1
        if visits[here] > MOST_VISITS:
            raise UserError(f"the folder {folder.real} is reached in more than {MOST_VISITS} ways through links")
        listed = list_folder(folder.path, folder.prefix, pass_over=pass_over)
        for entry in listed.files:
            yield Found(folder.prefix + entry.name, _resolve(entry, folder.real), entry)
        above = folder.above | {here}
        for entry in listed.folders:
            waiting.append(_Folder(entry.path, f"{folder.prefix}{entry.name}/", _resolve(entry, folder.real), above))


def list_folder(folder: Path | str, prefix: str = "", *, pass_over: PassOver = lambda name, reason: None) -> Listed:
    """What lies directly in a folder, without what `walk` passes over.

    Args:
        folder: To list.
        prefix: Of the names that `pass_over` is told.
        pass_over: See `PassOver`.

    Raises:
        UserError: If it cannot be listed; the message names it.
    """
    found = Listed([], [])
    try:
        with os.scandir(folder) as entries:
            for entry in sorted(entries, key=lambda entry: entry.name):
                name = prefix + entry.name
                if entry.name.startswith("."):
                    pass_over(name, HIDDEN)
                elif _is(entry.is_dir):
                    if entry.name in PASSED_BY:
                        pass_over(name, LEFT_BEHIND)
                    else:
                        found.folders.append(entry)
                elif _is(entry.is_file):
                    found.files.append(entry)
                else:
                    pass_over(name, BROKEN if entry.is_symlink() else SPECIAL)
    except OSError as error:
        raise UserError(f"cannot list the folder {folder}: {error.strerror or error}") from error
    return found


def _is(question: Callable[[], bool]) -> bool:
    try:
        return question()
    except OSError:  # a link to itself
        return False


def _identify(folder: str) -> Identity:
    try:
        stat = os.stat(folder)  # noqa: PTH116
    except OSError as error:
        raise UserError(f"cannot list the folder {folder}: {error.strerror or error}") from error
    return stat.st_dev, stat.st_ino


def _resolve(entry: os.DirEntry[str], real: str) -> str:
    """Where an entry of the folder `real` truly lies."""
    return os.path.realpath(entry.path) if entry.is_symlink() else f"{real}/{entry.name}"
