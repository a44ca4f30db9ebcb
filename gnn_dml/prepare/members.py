"""The entries of a tar or zip archive, one after another, whatever its compression."""

from __future__ import annotations

import bz2
import gzip
import lzma
import stat
import tarfile
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any, NamedTuple, cast

from gnn_dml.errors import UserError

CHUNK = 2**20
MOST_PADDING = 16 * 2**20
DAMAGED = (
    tarfile.TarError,
    zipfile.BadZipFile,
    gzip.BadGzipFile,
    lzma.LZMAError,
    zlib.error,
    EOFError,
    NotImplementedError,
    RuntimeError,
    ValueError,
)
"""What the libraries raise on an archive that is damaged, encrypted or of an unknown kind."""

_PACKED = {b"\x1f\x8b": gzip.open, b"BZh": bz2.open, b"\xfd7zXZ\0": lzma.open}
"""How files open that begin with these bytes."""


class Member(NamedTuple):
    """One entry of an archive.

    Attributes:
        name: As it stands there.
        size: Bytes, as it says itself.
        kind: "file", "folder" or what it is else.
        content: Open for reading at most `CHUNK` bytes at a time, for a file.
    """

    name: str
    size: int
    kind: str
    content: IO[bytes] | None


def iterate_members(archive: Path) -> Iterator[Member]:
    """The entries in their order, each to be read before the next is asked for.

    Args:
        archive: tar (plain, gz, bz2, xz) or zip.

    Raises:
        UserError: If it is damaged or no such archive.
    """
    try:
        if zipfile.is_zipfile(archive):
            yield from _zip_members(archive)
        else:
            yield from _tar_members(archive)
    except (*DAMAGED, OSError) as error:
        if isinstance(error, UserError):
            raise
        raise UserError(f"{archive} is damaged or no archive: {error or type(error).__name__}") from error


class _Sparing:
    """A stream that is read in small pieces only.

    An extended header of a tar archive is read whole, however long it says it is; some kilobytes of it, compressed,
    could fill the memory.
    """

    def __init__(self, stream: IO[bytes]) -> None:
        self.seek, self.tell, self._read = stream.seek, stream.tell, stream.read

    def read(self, size: int) -> bytes:
        """At most `CHUNK` bytes."""
        if not 0 <= size <= CHUNK:
            raise tarfile.ReadError(f"a header of {size} bytes")
        return self._read(size)


def _tar_members(archive: Path) -> Iterator[Member]:
    with archive.open("rb") as file:
        start = file.read(6)
    opener: Any = next((opener for magic, opener in _PACKED.items() if start.startswith(magic)), open)
    with opener(archive, "rb") as stream, tarfile.open(fileobj=cast("IO[bytes]", _Sparing(stream)), mode="r:") as tar:
        for info in tar:
            kind = "file" if info.isreg() else "folder" if info.isdir() else "link or device"
            content = tar.extractfile(info) if info.isreg() else None
            yield Member(info.name, info.size if info.isreg() else 0, kind, content)
        _read_to_end(stream)


def _read_to_end(stream: IO[bytes]) -> None:
    """Read what stands behind the last entry: a compressed file has its checksum there.

    Raises:
        tarfile.ReadError: If it goes on and on.
    """
    left = MOST_PADDING
    while chunk := stream.read(CHUNK):
        left -= len(chunk)
        if left < 0:
            raise tarfile.ReadError(f"more than {MOST_PADDING} bytes behind its last entry")


def _zip_members(archive: Path) -> Iterator[Member]:
    with zipfile.ZipFile(archive) as whole:
        for info in whole.infolist():
            mode = info.external_attr >> 16
            if not info.filename:  # which is_dir cannot be asked about
                raise zipfile.BadZipFile("an entry has no name")
            if info.is_dir():
                yield Member(info.filename, 0, "folder", None)
            elif mode and stat.S_IFMT(mode) not in (0, stat.S_IFREG):
                yield Member(info.filename, 0, "link or device", None)
            else:
                with whole.open(info) as content:
                    yield Member(info.filename, info.file_size, "file", content)
