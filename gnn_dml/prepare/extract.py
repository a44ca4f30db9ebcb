"""One folder out of an archive, with nothing that could write elsewhere or fill the disk."""

from __future__ import annotations

import shutil
from pathlib import Path, PurePosixPath
from typing import Any

from tqdm import tqdm

from gnn_dml.errors import UserError
from gnn_dml.prepare.members import CHUNK, DAMAGED, Member, iterate_members

MOST_MEMBERS = 500_000


def extract(archive: Path, top: str, target: Path, *, limit: int) -> Path:
    """Take the folder `top` out of a tar or zip archive, with a progress bar.

    It is written beside `target` under another name and gets its own when it is whole, so an interruption leaves
    nothing that could be taken for it; the next call begins anew. Entries outside `top` stay in the archive.

    Args:
        archive: tar (plain, gz, bz2, xz) or zip.
        top: A folder at the top of the archive.
        target: What it becomes; must not exist.
        limit: Bytes that may be written at most.

    Returns:
        `target`.

    Raises:
        UserError: If the archive is damaged; if an entry would leave the folder, is a link or a device, or holds more
            than it says; if there are too many bytes or entries; if `top` is not there; if the disk is full.
    """
    partial = target.with_name(f".partial-{target.name}")
    _remove(partial)
    try:
        written = 0
        bar: tqdm[Any]
        with tqdm(unit="B", unit_scale=True, desc=f"extract {archive.name}", disable=None) as bar:
            for count, member in enumerate(iterate_members(archive), start=1):
                if count > MOST_MEMBERS:
                    raise UserError(f"{archive} has more than {MOST_MEMBERS} entries; nothing was kept")
                inside = _place(archive, member, top)
                written += member.size
                if written > limit:
                    raise UserError(f"{archive} holds more than {limit} bytes; nothing was kept")
                if inside is not None:
                    _write(archive, member, partial / inside, bar)
        if not partial.is_dir():
            raise UserError(f"{archive} holds no folder {top}: it is another archive than expected")
        partial.rename(target)
    finally:
        _remove(partial)
    return target


def _remove(partial: Path) -> None:
    """Take away what an extraction that did not finish has left: a folder, or a file where the archive has one."""
    if partial.is_symlink() or partial.is_file():
        partial.unlink()
    shutil.rmtree(partial, ignore_errors=True)


def _place(archive: Path, member: Member, top: str) -> Path | None:
    """Where an entry goes below `top`; None if it is not inside.

    Raises:
        UserError: If it is not safe.
    """
    name = PurePosixPath(member.name.replace("\\", "/"))
    if "\0" in member.name:
        raise UserError(f"{archive} is damaged: its entry {member.name!r} has a name that no file can have")
    if name.is_absolute() or ".." in name.parts or ":" in member.name.partition("/")[0]:
        raise UserError(f"{archive} is not safe: its entry {member.name!r} would leave the folder; nothing was kept")
    if member.kind not in ("file", "folder"):
        raise UserError(f"{archive} is not safe: its entry {member.name!r} is a link or device; nothing was kept")
    return Path(*name.parts[1:]) if name.parts[:1] == (top,) else None


def _write(archive: Path, member: Member, path: Path, bar: tqdm[Any]) -> None:
    """Write one entry; reading and writing fail with sentences of their own."""
    try:
        if member.content is None:
            path.mkdir(parents=True, exist_ok=True)
            return
        path.parent.mkdir(parents=True, exist_ok=True)
        file = path.open("xb")
    except OSError as error:
        raise _cannot_write(path, error) from error
    left = member.size
    try:
        while chunk := _read(archive, member):
            left -= len(chunk)
            if left < 0:
                raise UserError(
                    f"{archive} is not safe: its entry {member.name!r} holds more than the {member.size} bytes that it "
                    "declares; nothing was kept"
                )
            try:
                file.write(chunk)
            except OSError as error:
                raise _cannot_write(path, error) from error
            bar.update(len(chunk))
    finally:
        try:
            file.close()
        except OSError as error:
            raise _cannot_write(path, error) from error
    if left:
        raise UserError(f"{archive} is damaged: its entry {member.name!r} ends {left} bytes early")


def _read(archive: Path, member: Member) -> bytes:
    assert member.content is not None
    try:
        return member.content.read(CHUNK)
    except (*DAMAGED, OSError) as error:
        raise UserError(f"{archive} is damaged at its entry {member.name!r}: {error}") from error


def _cannot_write(path: Path, error: OSError) -> UserError:
    return UserError(
        f"cannot write {path.name}: {error.strerror or error}; nothing was kept, what was there is untouched"
    )
