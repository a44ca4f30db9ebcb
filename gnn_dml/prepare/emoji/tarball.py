"""Reading single files of an npm tarball, without unpacking anything onto the disk."""

from __future__ import annotations

import tarfile
import zlib
from collections.abc import Sequence
from pathlib import Path

from gnn_dml.errors import UserError


def read_members(path: Path, names: Sequence[str], optional: Sequence[str] = ()) -> dict[str, bytes]:
    """The content of named members of a gzipped tarball.

    Args:
        path: The tarball.
        names: Members that have to be there.
        optional: Members that may be missing; the result then lacks them.

    Raises:
        UserError: If the tarball cannot be read or one of `names` is not a regular file in it.
    """
    found: dict[str, bytes] = {}
    try:
        with tarfile.open(path, "r:gz") as archive:
            for member in archive:
                if member.name in (*names, *optional) and member.isfile():
                    handle = archive.extractfile(member)
                    found[member.name] = handle.read() if handle else b""
    except (tarfile.TarError, EOFError, OSError, zlib.error) as error:
        raise UserError(f"{path} is no readable npm tarball: {error}") from error
    missing = [name for name in names if name not in found]
    if missing:
        raise UserError(f"{path} lacks {', '.join(missing)}; delete it to have it fetched again")
    return found
