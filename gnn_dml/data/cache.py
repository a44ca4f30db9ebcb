"""Resized images on disk, memory-mapped, so that later epochs and later runs decode nothing.

A cache folder holds `index.sqlite` and shards. A shard is a flat uint8 array in NumPy's file format with some hundred
images, channels first, one after another; the index says in which shard an image lies and how large it is. An image is
known by the sha256 of its file's content and by the side it was resized to, so files that move or are copied are found
again, and a changed file is another image. Hashing a file again is saved where its path, its number in the file system,
its size and both times of change are those of the last time; a file that was put back is hashed. Every image that is
read is held against its checksum.

Nothing half-made is ever found: a shard is renamed into place whole, and the index gets its rows in one transaction
afterwards. One process at a time fills a cache; the others wait and then find what it wrote.
"""

from __future__ import annotations

import hashlib
import os
import sqlite3
import tokenize
import zlib
from collections.abc import Sequence
from contextlib import closing, suppress
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import torch
from filelock import FileLock
from numpy.lib import format as npy
from torch import Tensor
from torch.utils.data import DataLoader
from tqdm import tqdm

from gnn_dml.atomic import write_atomically
from gnn_dml.data.cache_sources import DecodedBatch, Sources, stamp_of
from gnn_dml.data.workers import watch_workers
from gnn_dml.errors import UserError
from gnn_dml.text import show_name

SHARD = 256
"""Images of a shard; a cache interrupted while it was filled loses at most as many."""

VERSION = 2
TABLES = f"""
CREATE TABLE files (path BLOB PRIMARY KEY, stamp TEXT, sha256 TEXT);
CREATE TABLE images (
    sha256 TEXT, side INTEGER, shard TEXT, start INTEGER, height INTEGER, width INTEGER, checksum INTEGER,
    PRIMARY KEY (sha256, side)
);
PRAGMA user_version = {VERSION};
"""


_DAMAGED = (OSError, ValueError, EOFError, TypeError, SyntaxError, tokenize.TokenError)
"""What numpy raises on a shard that is none: its header is parsed as Python is."""


class Place(NamedTuple):
    """Where an image lies: (3, height, width) numbers of a shard, from `start` on, with their CRC-32."""

    shard: str
    start: int
    height: int
    width: int
    checksum: int


class CachedImages:
    """The `Images` of a filled cache.

    Args:
        folder: The cache.
        places: Of N images.
    """

    def __init__(self, folder: Path, places: Sequence[Place]) -> None:
        self.folder = folder
        self.places = list(places)
        self._maps: dict[str, npt.NDArray[np.uint8]] = {}

    def __len__(self) -> int:
        return len(self.places)

    def __getitem__(self, index: int) -> Tensor:
        """Read one image, uint8 (3, h, w).

        Raises:
            UserError: If its shard is missing or damaged.
        """
        shard, start, height, width, checksum = self.places[index]
        flat = self._map(shard)[start : start + 3 * height * width].copy()
        if len(flat) != 3 * height * width or zlib.crc32(flat.data) != checksum:
            raise UserError(f"the cache {self.folder} is damaged ({shard} has changed); delete that folder")
        return torch.from_numpy(flat.reshape(3, height, width))

    def only(self, index: Sequence[int]) -> CachedImages:
        """The images at these positions."""
        return CachedImages(self.folder, [self.places[i] for i in index])

    def _map(self, shard: str) -> npt.NDArray[np.uint8]:
        if shard not in self._maps:
            try:
                self._maps[shard] = np.load(self.folder / shard, mmap_mode="r")
            except _DAMAGED as error:
                raise UserError(f"the cache {self.folder} is damaged ({error}); delete that folder") from error
        return self._maps[shard]

    def __getstate__(self) -> dict[str, object]:
        """Without the maps, which another process opens itself: pickled, they would be copied whole."""
        return {**self.__dict__, "_maps": {}}


def open_cache(
    paths: Sequence[Path], folder: Path, *, side: int, workers: int = 0, upright: bool = True
) -> tuple[CachedImages, list[int], list[str]]:
    """Fill a cache with what it lacks of these files, with a progress bar, and open it.

    Args:
        paths: N image files.
        folder: Of the cache; made if it is missing. Several data sets may share one; images as they are stored and
            images turned upright may not.
        side: To which the shorter side of an image is resized; smaller images stay as they are.
        workers: Processes that decode; 0 decodes in this one.
        upright: See `gnn_dml.data.decode.decode`.

    Returns:
        The images that can be read, the positions in `paths` of those, and for each file that cannot be read the
        sentence that says why.

    Raises:
        UserError: If the cache cannot be written, for instance because the disk is full.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with FileLock(folder / "lock"), closing(sqlite3.connect(folder / "index.sqlite")) as index:
            _prepare(index, folder)
            broken = _fill(index, paths, folder, side, workers, upright)
            places = _find_places(index, paths, side)
    except (OSError, sqlite3.Error) as error:
        raise UserError(
            f"the cache {folder} cannot be used: {error}; name another folder or dataset.cache=null"
        ) from error
    kept = [i for i, place in enumerate(places) if place is not None]
    return CachedImages(folder, [place for place in places if place is not None]), kept, broken


def _prepare(index: sqlite3.Connection, folder: Path) -> None:
    """Make the tables, and forget the images of shards that are missing or damaged, so that they are decoded again.

    A cache of an earlier version had other tables; its shards are removed.
    """
    (version,) = index.execute("PRAGMA user_version").fetchone()
    if version != VERSION:
        with suppress(sqlite3.OperationalError):  # a new cache has no tables
            for (shard,) in index.execute("SELECT DISTINCT shard FROM images").fetchall():
                (folder / Path(shard).name).unlink(missing_ok=True)
        index.executescript(f"DROP TABLE IF EXISTS files; DROP TABLE IF EXISTS images; {TABLES}")
    lengths = index.execute("SELECT shard, MAX(start + 3 * height * width) FROM images GROUP BY shard").fetchall()
    damaged = [(shard,) for shard, length in lengths if not _is_whole(folder / shard, length)]
    with index:
        index.executemany("DELETE FROM images WHERE shard = ?", damaged)


def _is_whole(shard: Path, length: int) -> bool:
    try:
        return len(np.load(shard, mmap_mode="r")) == length
    except _DAMAGED:
        return False


def _fill(
    index: sqlite3.Connection, paths: Sequence[Path], folder: Path, side: int, workers: int, upright: bool
) -> list[str]:
    """Add what is missing, a shard at a time; the sentences about files that cannot be read."""
    stale = _find_stale(index, paths, side)
    if not stale:
        return []
    known = {digest for (digest,) in index.execute("SELECT sha256 FROM images WHERE side = ?", (side,))}
    batches = DataLoader(
        Sources(stale, known, side, upright),
        batch_size=16,
        num_workers=workers,
        collate_fn=_pass_through,
        generator=torch.Generator(),
    )
    broken: list[str] = []
    waiting: list[DecodedBatch] = []
    with tqdm(total=len(stale), desc=f"cache {show_name(str(folder))}", unit="image", disable=None) as bar:
        for batch in watch_workers(batches):
            broken += [found.said for found in batch.found if found.said]
            waiting.append(batch)
            bar.update(len(batch.found))
            if sum(len(one.found) for one in waiting) >= SHARD:
                _write(index, folder, side, waiting)
                waiting = []
        _write(index, folder, side, waiting)
    return broken


def _pass_through(batch: Any) -> Any:
    return batch


def _find_stale(index: sqlite3.Connection, paths: Sequence[Path], side: int) -> list[Path]:
    """The files that are new or have changed since their content was hashed, or whose image is not there."""
    places = _find_places(index, paths, side)
    return list(dict.fromkeys(path for path, place in zip(paths, places, strict=True) if place is None))


def _write(index: sqlite3.Connection, folder: Path, side: int, batches: Sequence[DecodedBatch]) -> None:
    """One more shard with the new images among these, then their rows."""
    fresh: dict[str, tuple[tuple[int, int, int], npt.NDArray[np.uint8]]] = {}
    for batch in batches:
        start = 0
        for found in batch.found:
            if found.shape is not None:
                length = found.shape[0] * found.shape[1] * found.shape[2]
                fresh[found.sha256] = found.shape, batch.pixels[start : start + length].numpy()
                start += length
    rows, start = [], 0
    if fresh:
        content = hashlib.sha256("".join(fresh).encode()).hexdigest()[:16]
        shard = f"{side}-{content}.npy"
        for digest, (shape, flat) in fresh.items():
            rows.append((digest, side, shard, start, *shape[1:], zlib.crc32(flat.data)))
            start += flat.size
        whole = np.concatenate([flat for _, flat in fresh.values()])
        write_atomically(folder / shard, lambda partial: _save(partial, whole))
    with index:
        index.executemany("INSERT OR REPLACE INTO images VALUES (?, ?, ?, ?, ?, ?, ?)", rows)
        index.executemany(
            "INSERT OR REPLACE INTO files VALUES (?, ?, ?)",
            [
                (os.fsencode(found.path), found.stamp, found.sha256)
                for batch in batches
                for found in batch.found
                if not found.said
            ],
        )


def _save(path: Path, flat: npt.NDArray[np.uint8]) -> None:
    """As `numpy.save`, which does not say why where it cannot write."""
    with path.open("wb") as file:
        npy.write_array_header_1_0(file, npy.header_data_from_array_1_0(flat))
        file.write(flat.data)


def _find_places(index: sqlite3.Connection, paths: Sequence[Path], side: int) -> list[Place | None]:
    """Where each file's image lies; None if it is not there or the file is no longer the one that was hashed."""
    rows = index.execute(
        "SELECT path, stamp, shard, start, height, width, checksum FROM files JOIN images USING (sha256) "
        "WHERE side = ?",
        (side,),
    )
    known = {row[0]: (row[1], Place(*row[2:])) for row in rows}
    return [_check_place(path, known.get(os.fsencode(path))) for path in paths]


def _check_place(path: Path, found: tuple[str, Place] | None) -> Place | None:
    try:
        return found[1] if found and found[0] == stamp_of(path) else None
    except OSError:  # reading it will say what is wrong
        return None
