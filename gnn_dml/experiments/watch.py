"""Watching a folder that another process has claimed, and taking it over once that one is dead.

Another process looks whether the file of the claim changes, by its own clock, so clocks of hosts need not agree: a file
that has not changed for long is that of a dead owner. On one machine the lock on the file tells at once, since it ends
with its process.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from gnn_dml.errors import UserError
from gnn_dml.experiments.claim import BEAT, Claim, boot_id, generations

try:
    import fcntl
except ImportError:  # no POSIX: only the heartbeat tells
    fcntl = None  # type: ignore[assignment]

PATIENCE = 60.0
"""Seconds without a sign of life after which an owner counts as dead."""

LONGEST_GAP = 0.2
"""The part of the patience that the time between two looks counts for at most."""

OnWait = Callable[[str], object]
"""Called once with a sentence when somebody else is at work on a run."""


class Watch:
    """One process's view of who owns a folder; it remembers when it last saw a sign of life.

    Args:
        folder: Of the run; made where it is not there.
        beat: Seconds between two signs of life of a claim made here.
        patience: Seconds without one after which an owner counts as dead; well above the `beat` of every process.
        clock: Seconds that only ever grow.

    Raises:
        UserError: If `beat` or `patience` cannot be used.
    """

    def __init__(
        self,
        folder: Path,
        *,
        beat: float = BEAT,
        patience: float = PATIENCE,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        if not 0 < beat < patience:
            raise UserError(f"beat={beat} and patience={patience} must be above 0, and patience the longer one")
        self.folder = folder
        self.beat = beat
        self.patience = patience
        self._seen: tuple[int, bytes] = (0, b"")
        self._clock = clock
        self._looked = 0.0
        self._silence = 0.0

    def claim(self) -> Claim | None:
        """The claim, or None where somebody else who is alive has it.

        Raises:
            UserError: If the folder cannot be written.
        """
        highest = max(generations(self.folder), default=0)
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
        now = self._clock()
        if (generation, text) != self._seen:
            self._seen, self._silence = (generation, text), 0.0
        else:
            # Between two looks that lie far apart this process may have been stopped, and the owner with it.
            self._silence += min(now - self._looked, self.patience * LONGEST_GAP)
        self._looked = now
        return self._silence < self.patience and not _lock_is_free(path, text)

    def _take(self, generation: int) -> Claim | None:
        made = [folder for folder in (self.folder, *self.folder.parents) if not folder.exists()]
        self.folder.mkdir(parents=True, exist_ok=True)
        path = self.folder / f"claim.{generation}.json"
        try:
            handle = os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o666)
        except (FileExistsError, FileNotFoundError):  # somebody was faster, or removed the empty folder
            return None
        claim = Claim(self.folder, generation, handle, beat=self.beat, made=made)
        if max(generations(self.folder), default=0) != generation:
            # Made from an old look at the folder, while a higher claim stands.
            path.unlink(missing_ok=True)
            claim.release()
            return None
        return claim


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


def claim_of(folder: Path) -> dict[str, Any] | None:
    """What the highest claim in a folder says, of an owner who may be dead; None where there is none."""
    highest = max(generations(folder), default=0)
    try:
        return _read((folder / f"claim.{highest}.json").read_bytes()) if highest else None
    except OSError:
        return None


def owner(folder: Path) -> dict[str, Any] | None:
    """Who is at work on the run in a folder, by one look: what the claim says; None where nobody seems to be.

    Args:
        folder: Of the run.

    Raises:
        UserError: If the folder cannot be read.
    """
    highest = max(generations(folder), default=0)
    if not highest:
        return None
    path = folder / f"claim.{highest}.json"
    try:
        text, changed = path.read_bytes(), path.stat().st_mtime
    except OSError:  # given back meanwhile
        return None
    said = _read(text)
    if said.get("locked") and said.get("boot") == boot_id():
        return None if _lock_is_free(path, text) else said
    # Of another machine, whose clock may be another: a claim that was written long ago is that of a dead owner.
    return said if time.time() - changed < 2 * PATIENCE else None


def poll_seconds(patience: float) -> float:
    """Seconds between two looks at the claims of others."""
    return min(1.0, patience / 10)


def _read(text: bytes) -> dict[str, Any]:
    """What a claim file says; nothing, if it is read while it is written."""
    try:
        said = json.loads(text)
    except ValueError:
        return {}
    return said if isinstance(said, dict) else {}


def _lock_is_free(path: Path, text: bytes) -> bool:
    """Whether the owner is a process of this machine that held a lock and does not any more.

    Where it is not certain that the file seen here is the one that the owner locked, the answer is no: a lock is not
    seen through every mount, nor by a copy of a running machine.
    """
    said = _read(text)
    if fcntl is None or not said.get("locked") or said.get("boot") is None or said["boot"] != boot_id():
        return False
    try:
        handle = os.open(path, os.O_RDWR)
    except OSError:
        return False
    try:
        file = os.fstat(handle)
        if (said.get("device"), said.get("inode")) != (file.st_dev, file.st_ino):
            return False
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    finally:
        os.close(handle)
    return True
