"""Fetching npm packages with the npm client, and checking that they are the ones this package was made with."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import tempfile
from pathlib import Path

from gnn_dml.errors import UserError
from gnn_dml.prepare.emoji.sources import Source

TIMEOUT_SECONDS = 900


def default_cache() -> Path:
    """Where fetched packages are kept when the user names no folder."""
    base = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    return Path(base) / "gnn-dml" / "emoji"


def fetch(source: Source, cache: Path) -> Path:
    """The tarball of a package: the one in the cache, or fetched into it with `npm pack`.

    Raises:
        UserError: If npm is missing or fails, or if the tarball has another checksum than the pinned one.
    """
    path = cache / source.tarball
    if path.is_file():
        _check(path, source, f"delete {path} to have it fetched again")
        return path
    npm = shutil.which("npm")
    if npm is None:
        raise UserError(
            f"fetching {source.package}@{source.version} needs npm (Node.js) on the PATH, and it is not there"
        )
    try:
        cache.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=cache) as folder:
            _pack(npm, source, Path(folder))
            fetched = Path(folder) / source.tarball
            _check(fetched, source, "the package on the registry is not the one that this version knows")
            fetched.replace(path)
    except OSError as error:
        raise UserError(f"the cache folder {cache} cannot be used: {error}") from error
    return path


def _pack(npm: str, source: Source, folder: Path) -> None:
    wanted = f"{source.package}@{source.version}"
    command = [npm, "pack", wanted, "--ignore-scripts", "--loglevel=error"]
    try:
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=TIMEOUT_SECONDS, check=False)
    except subprocess.TimeoutExpired as error:
        raise UserError(f"`npm pack {wanted}` did not end within {TIMEOUT_SECONDS} seconds") from error
    if done.returncode != 0 or not (folder / source.tarball).is_file():
        said = " ".join(done.stderr.split()) or "it wrote no tarball"
        raise UserError(f"`npm pack {wanted}` failed with exit code {done.returncode}: {said[:300]}")


def _check(path: Path, source: Source, advice: str) -> None:
    found = hashlib.sha256(path.read_bytes()).hexdigest()
    if found != source.sha256:
        raise UserError(
            f"{source.tarball} has the sha256 {found}, and {source.package}@{source.version} "
            f"has {source.sha256}; {advice}"
        )
