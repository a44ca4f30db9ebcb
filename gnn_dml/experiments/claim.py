"""A claim on the folder of a run, so that of all processes on all hosts that share the folder one trains it.

A claim is a file `claim.<n>.json`, made so that only one process can make it. The one with the highest n owns the
folder. Its owner rewrites it every few seconds. Another process looks whether the file changes, by its own clock, so
clocks of hosts need not agree: a file that has not changed for long is that of a dead owner, and claim n + 1 takes its
place. On one machine a lock on the file tells at once, since it ends with its process. An owner that was only slow
finds the higher claim before it writes.
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
from collections.abc import Callable
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

PATIENCE = 60.0
"""Seconds without one after which an owner counts as dead."""

OnWait = Callable[[str], object]
"""Called once with a sentence when somebody else is at work on a run."""

_OPEN: weakref.WeakSet[Claim] = weakref.WeakSet()
"""Claims of this process. Workers that are forked from it must not go on holding their locks after it is killed."""

_NAME = re.compile(r"claim\.(\d+)\.json")


class Claim:
    """A folder that this process owns until `release`; made by `Watch.claim` and `wait_for_claim`.

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
            UserError: If somebody else has taken it over, or the claim file is gone.
        """
        if not self._is_mine():
            raise UserError(
                f"{self.folder} was taken over by another process, because this one gave no sign of life for too "
                "long; it writes nothing more there, and the same command waits for the other one or finds its result"
            )

    def release(self) -> None:
        """Give the folder back; files of a claim that was lost are left to the one that took over."""
        if self._ended.is_set():
            return
        self._ended.set()
        self._thread.join()
        if self._is_mine():
            # This one goes last: as long as it stands, nobody can own the folder by a lower number.
            for generation in (*(n for n in _generations(self.folder) if n < self.generation), self.generation):
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
        return same and max(_generations(self.folder), default=0) == self.generation

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


class Watch:
    """One process's view of who owns a folder; it remembers when it last saw a sign of life.

    Args:
        folder: Of the run; made where it is not there.
        beat: Seconds between two signs of life of a claim made here.
        patience: Seconds without one after which an owner counts as dead; well above the `beat` of every process.

    Raises:
        UserError: If `beat` or `patience` cannot be used.
    """

    def __init__(self, folder: Path, *, beat: float = BEAT, patience: float = PATIENCE) -> None:
        if not 0 < beat < patience:
            raise UserError(f"beat={beat} and patience={patience} must be above 0, and patience the longer one")
        self.folder = folder
        self.beat = beat
        self.patience = patience
        self._seen: tuple[int, bytes] = (0, b"")
        self._since = 0.0

    def claim(self) -> Claim | None:
        """The claim, or None where somebody else who is alive has it.

        Raises:
            UserError: If the folder cannot be written.
        """
        highest = max(_generations(self.folder), default=0)
        if highest and self._alive(highest):
            return None
        try:
            return self._take(highest + 1)
        except OSError as error:
            raise UserError(f"cannot write {self.folder}: {error}; choose another folder with out=FOLDER") from error

    def sentence(self) -> str:
        """Who has it."""
        said = _read(self._seen[1])
        who = f"process {said.get('pid', '?')} on {said.get('host', '?')}" if said else "another process"
        return f"{self.folder} is being run by {who}; waiting for it"

    def _alive(self, generation: int) -> bool:
        path = self.folder / f"claim.{generation}.json"
        try:
            text = path.read_bytes()
        except FileNotFoundError:  # given back between two looks: the next look finds the folder free
            return True
        except OSError as error:
            raise UserError(f"cannot read {path}: {error}") from error
        now = time.monotonic()
        if (generation, text) != self._seen:
            self._seen, self._since = (generation, text), now
        return now - self._since < self.patience and not _lock_is_free(path, text)

    def _take(self, generation: int) -> Claim | None:
        made = [folder for folder in (self.folder, *self.folder.parents) if not folder.exists()]
        self.folder.mkdir(parents=True, exist_ok=True)
        path = self.folder / f"claim.{generation}.json"
        try:
            handle = os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o666)
        except (FileExistsError, FileNotFoundError):  # somebody was faster, or removed the empty folder
            return None
        claim = Claim(self.folder, generation, handle, beat=self.beat, made=made)
        if max(_generations(self.folder), default=0) != generation:
            # Made from an old look at the folder, while a higher claim stands.
            path.unlink(missing_ok=True)
            claim.release()
            return None
        return claim


def _let_go_in_child() -> None:
    """In a forked process: the files of the claims are its parent's."""
    for claim in list(_OPEN):
        with suppress(OSError):
            os.close(claim._handle)


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_let_go_in_child)


def wait_for_claim(
    folder: Path, *, on_wait: OnWait | None = None, beat: float = BEAT, patience: float = PATIENCE
) -> Claim:
    """Claim a folder, waiting while somebody else who is alive has it.

    Args:
        folder: Of the run.
        on_wait: Called once, if there is somebody else.
        beat: See `Watch`.
        patience: See `Watch`.

    Raises:
        UserError: If the folder cannot be written.
    """
    watch, said = Watch(folder, beat=beat, patience=patience), False
    while (claim := watch.claim()) is None:
        if on_wait is not None and not said:
            said = True
            on_wait(watch.sentence())
        time.sleep(poll_seconds(patience))
    return claim


def poll_seconds(patience: float) -> float:
    """Seconds between two looks at the claims of others."""
    return min(1.0, patience / 10)


def _generations(folder: Path) -> list[int]:
    try:
        names = os.listdir(folder)  # noqa: PTH208 - names are all that is needed
    except (FileNotFoundError, NotADirectoryError):
        return []
    except OSError as error:
        raise UserError(f"cannot read {folder}: {error}") from error
    return [int(found[1]) for name in names if (found := _NAME.fullmatch(name))]


def _owner(handle: int) -> dict[str, Any]:
    """Who this process is, and whether it could lock the file."""
    locked = False
    if fcntl is not None:
        with suppress(OSError):  # a file system without locks: only the heartbeat tells
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            locked = True
    return {
        "token": secrets.token_hex(16),
        "host": socket.gethostname(),
        "boot": _boot_id(),
        "pid": os.getpid(),
        "started": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "locked": locked,
    }


def _boot_id() -> str | None:
    """Which start of which kernel this is; equal in containers on one machine, which also share locks."""
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    except OSError:
        return None


def _read(text: bytes) -> dict[str, Any]:
    """What a claim file says; nothing, if it is read while it is written."""
    try:
        said = json.loads(text)
    except ValueError:
        return {}
    return said if isinstance(said, dict) else {}


def _lock_is_free(path: Path, text: bytes) -> bool:
    """Whether the owner is a process of this machine that held a lock and does not any more."""
    said = _read(text)
    if fcntl is None or not said.get("locked") or said.get("boot") is None or said["boot"] != _boot_id():
        return False
    try:
        handle = os.open(path, os.O_RDWR)
    except OSError:
        return False
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    finally:
        os.close(handle)
    return True
