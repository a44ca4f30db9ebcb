"""A claim on the folder of a run, so that of all processes on all hosts that share the folder one trains it.

A claim is a file `claim.<n>.json`, made so that only one process can make it. The one with the highest n owns the
folder. Its owner rewrites it every few seconds and holds a lock on it. How others watch it, and take the place of a
dead owner with claim n + 1, is in `gnn_dml.experiments.watch`. An owner that was only slow finds the higher claim
before it writes.
"""

from __future__ import annotations

import json
import os
import re
import secrets
import socket
import threading
import time
import weakref
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any

from gnn_dml.errors import UserError

try:
    import fcntl
except ImportError:  # no POSIX: only the heartbeat tells
    fcntl = None  # type: ignore[assignment]

BEAT = 10.0
"""Seconds between two signs of life."""

LOSSES = 3
"""Claims on one run that may be lost; the last one is an error, so that nobody goes round for ever."""

_OPEN: weakref.WeakSet[Claim] = weakref.WeakSet()
"""Claims of this process. Workers that are forked from it must not go on holding their locks after it is killed."""

_NAME = re.compile(r"claim\.(\d+)\.json")


class ClaimLostError(UserError):
    """Another process has taken the folder over; whoever catches this waits for it or finds its result."""


class Claim:
    """A folder that this process owns until `release`; made by `gnn_dml.experiments.watch`.

    Args:
        folder: Of the run.
        generation: The number of the claim.
        handle: The open claim file, made by this process.
        beat: Seconds between two signs of life.
        made: Folders that were made for the claim, the innermost first.
    """

    def __init__(self, folder: Path, generation: int, handle: int, *, beat: float, made: list[Path]) -> None:
        self.folder = folder
        self.generation = generation
        self._path = folder / f"claim.{generation}.json"
        self._handle = handle
        self._made = made
        self._said = _owner(handle)
        self._beats = 0
        self._ended = threading.Event()
        try:
            self._write()
        except OSError:  # a full disk: an empty claim would keep everybody off
            os.close(handle)
            self._path.unlink(missing_ok=True)
            raise
        _OPEN.add(self)
        self._thread = threading.Thread(target=self._live, args=(beat,), name=f"claim of {folder.name}", daemon=True)
        self._thread.start()

    def confirm(self) -> None:
        """Make sure that the folder is still this process's.

        Raises:
            ClaimLostError: If somebody else has taken it over, or the claim file is gone.
        """
        if not self._is_mine():
            raise ClaimLostError(
                f"{self.folder} was taken over by another process, because this one gave no sign of life for too "
                "long; it writes nothing more there unless the folder is free again"
            )

    def release(self) -> None:
        """Give the folder back; files of a claim that was lost are left to the one that took over."""
        if self._ended.is_set():
            return
        self._ended.set()
        self._thread.join()
        if self._is_mine():
            # This one goes last: as long as it stands, nobody can own the folder by a lower number.
            for generation in (*(n for n in generations(self.folder) if n < self.generation), self.generation):
                (self.folder / f"claim.{generation}.json").unlink(missing_ok=True)
        _OPEN.discard(self)
        os.close(self._handle)
        for folder in self._made:
            with suppress(OSError):  # not empty: something came of it
                folder.rmdir()

    def _is_mine(self) -> bool:
        try:
            same = os.path.samestat(os.fstat(self._handle), self._path.stat())
        except OSError:
            return False
        return same and max(generations(self.folder), default=0) == self.generation

    def _live(self, beat: float) -> None:
        while not self._ended.wait(beat):
            self._beats += 1
            with suppress(OSError):  # `confirm` says it where it matters
                self._write()

    def _write(self) -> None:
        """Into the open file and not by its name, which may be another's by now."""
        text = json.dumps({**self._said, "beat": f"{self._beats:012}"}) + "\n"
        os.lseek(self._handle, 0, os.SEEK_SET)
        os.write(self._handle, text.encode())
        os.fsync(self._handle)

    def __enter__(self) -> Claim:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.release()


def _let_go_in_child() -> None:
    """In a forked process: the files of the claims are its parent's."""
    for claim in list(_OPEN):
        with suppress(OSError):
            os.close(claim._handle)


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_let_go_in_child)


def generations(folder: Path) -> list[int]:
    """The numbers of the claims that stand in a folder.

    Raises:
        UserError: If the folder cannot be read.
    """
    try:
        names = os.listdir(folder)  # noqa: PTH208 - names are all that is needed
    except (FileNotFoundError, NotADirectoryError):
        return []
    except OSError as error:
        raise UserError(f"cannot read {folder}: {error}") from error
    return [int(found[1]) for name in names if (found := _NAME.fullmatch(name))]


def _owner(handle: int) -> dict[str, Any]:
    """Who this process is, which file it has made, and whether it could lock it."""
    file = os.fstat(handle)
    locked = False
    if fcntl is not None:
        with suppress(OSError):  # a file system without locks: only the heartbeat tells
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            locked = True
    return {
        "token": secrets.token_hex(16),
        "host": socket.gethostname(),
        "boot": boot_id(),
        "device": file.st_dev,
        "inode": file.st_ino,
        "pid": os.getpid(),
        "started": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "locked": locked,
    }


def boot_id() -> str | None:
    """Which start of which kernel this is; equal in containers on one machine, and in copies of a running one."""
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    except OSError:
        return None
