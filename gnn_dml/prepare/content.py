"""What the files of a data set are, wherever they lie."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path


def content_of(root: Path, images: Path | None = None) -> str:
    """A checksum of a data set's files: of one file its own, of a folder that of its list of paths and sizes."""
    if root.is_file():
        return hashlib.sha256(root.read_bytes()).hexdigest()
    found = hashlib.sha256()
    lines = []
    for base, _, names in os.walk(root):
        for name in names:
            path = Path(base) / name
            lines.append(f"{path.relative_to(root).as_posix()}\0{path.stat().st_size}\n")
    for line in sorted(lines):
        found.update(line.encode(errors="surrogateescape"))
    return found.hexdigest()
