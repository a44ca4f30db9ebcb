"""Resized images on disk, memory-mapped, so that later epochs and later runs decode nothing.

A cache folder holds `index.sqlite` and shards. A shard is a flat uint8 array in NumPy's file format with some hundred
images, channels first, one after another; the index says in which shard an image lies and how large it is. An image is
known by the sha256 of its file's content and by the side it was resized to, so files that move or are copied are found
again, and a changed file is another image. Hashing a file again is saved where path, size and time of change are those
of the last time.

Nothing half-made is ever found: a shard is renamed into place whole, and the index gets its rows in one transaction
afterwards. One process at a time fills a cache; the others wait and then find what it wrote.
"""

from __future__ import annotations

import hashlib
import os
import sqlite3
from collections.abc import Iterable, Sequence
from contextlib import closing
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import torch
from filelock import FileLock
from numpy.lib import format as npy
from torch import Tensor
from torch.utils.data import DataLoader, Dataset
from torchvision.transforms.v2.functional import resize
from tqdm import tqdm

from gnn_dml.atomic import write_atomically
from gnn_dml.data.decode import decode
from gnn_dml.data.workers import watch_workers
from gnn_dml.errors import UserError
from gnn_dml.text import show_name

SHARD = 256
"""Images of a shard; a cache interrupted while it was filled loses at most as many."""

TABLES = """
CREATE TABLE IF NOT EXISTS files (path TEXT PRIMARY KEY, size INTEGER, changed INTEGER, sha256 TEXT);
CREATE TABLE IF NOT EXISTS images (
    sha256 TEXT, side INTEGER, shard TEXT, start INTEGER, height INTEGER, width INTEGER, PRIMARY KEY (sha256, side)
);
"""


class Place(NamedTuple):
    """Where an image lies: (3, height, width) numbers of a shard, from `start` on."""

    shard: str
    start: int
    height: int
    width: int


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
        shard, start, height, width = self.places[index]
        flat = self._map(shard)[start : start + 3 * height * width]
        if len(flat) != 3 * height * width:
            raise UserError(f"the cache {self.folder} is damaged ({shard} is too short); delete that folder")
        return torch.from_numpy(flat.reshape(3, height, width).copy())

    def only(self, index: Sequence[int]) -> CachedImages:
        """The images at these positions."""
        return CachedImages(self.folder, [self.places[i] for i in index])

    def _map(self, shard: str) -> npt.NDArray[np.uint8]:
        if shard not in self._maps:
            try:
                self._maps[shard] = np.load(self.folder / shard, mmap_mode="r")
            except (OSError, ValueError) as error:
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
            index.executescript(TABLES)
            broken = _fill(index, paths, folder, side, workers, upright)
            places = _find_places(index, paths, side)
    except (OSError, sqlite3.Error) as error:
        raise UserError(
            f"the cache {folder} cannot be used: {error}; name another folder or dataset.cache=null"
        ) from error
    kept = [i for i, place in enumerate(places) if place is not None]
    return CachedImages(folder, [place for place in places if place is not None]), kept, broken


class _Decoded(NamedTuple):
    path: Path
    size: int
    changed: int
    sha256: str
    pixels: npt.NDArray[np.uint8] | None
    """(3, h, w); None for an image that the cache holds already, or one that cannot be read."""
    said: str
    """Why it cannot be read, or nothing."""


class _Sources(Dataset["list[_Decoded]"]):
    """Files to hash, and to decode unless their content is known."""

    def __init__(self, paths: Sequence[Path], known: set[str], side: int, upright: bool) -> None:
        self.paths = paths
        self.known = known
        self.side = side
        self.upright = upright

    def __len__(self) -> int:
        return len(self.paths)

    def __getitems__(self, indices: list[int]) -> list[_Decoded]:
        return [self._decode_file(self.paths[i]) for i in indices]

    def _decode_file(self, path: Path) -> _Decoded:
        try:
            stat = path.stat()
            data = path.read_bytes()
        except OSError as error:
            return _Decoded(path, -1, -1, "", None, f"cannot read the image {path}: {error}")
        digest = hashlib.sha256(data).hexdigest()
        pixels, said = None, ""
        if digest not in self.known:
            try:
                image = decode(data, str(path), upright=self.upright)
                pixels = resize_shorter_side(image, self.side).contiguous().numpy()
            except UserError as error:
                said = str(error)
        return _Decoded(path, stat.st_size, stat.st_mtime_ns, digest, pixels, said)


def resize_shorter_side(image: Tensor, side: int) -> Tensor:
    """An image (3, h, w) with its shorter side resized to `side`, or as it is if that is not shorter."""
    if min(image.shape[1:]) <= side:
        return image
    resized: Tensor = resize(image, [side], antialias=True)
    return resized


def _fill(
    index: sqlite3.Connection, paths: Sequence[Path], folder: Path, side: int, workers: int, upright: bool
) -> list[str]:
    """Add what is missing, a shard at a time; the sentences about files that cannot be read."""
    stale = _find_stale(index, paths, side)
    if not stale:
        return []
    known = {digest for (digest,) in index.execute("SELECT sha256 FROM images WHERE side = ?", (side,))}
    batches: Iterable[list[_Decoded]] = DataLoader(
        _Sources(stale, known, side, upright),
        batch_size=16,
        num_workers=workers,
        collate_fn=_pass_through,
        generator=torch.Generator(),
    )
    broken, waiting = [], []
    with tqdm(total=len(stale), desc=f"cache {show_name(str(folder))}", unit="image", disable=None) as bar:
        for batch in watch_workers(batches):
            broken += [found.said for found in batch if found.said]
            waiting += [found for found in batch if not found.said]
            bar.update(len(batch))
            if len(waiting) >= SHARD:
                _write(index, folder, side, waiting)
                waiting = []
        _write(index, folder, side, waiting)
    return broken


def _pass_through(batch: list[_Decoded]) -> list[_Decoded]:
    return batch


def _find_stale(index: sqlite3.Connection, paths: Sequence[Path], side: int) -> list[Path]:
    """The files that are new or have changed since their content was hashed, or whose image is not there."""
    rows = index.execute("SELECT path, size, changed FROM files JOIN images USING (sha256) WHERE side = ?", (side,))
    known = {path: (size, changed) for path, size, changed in rows}
    stale = []
    for path in dict.fromkeys(paths):
        try:
            stat = path.stat()
        except OSError:
            stale.append(path)  # reading it will say what is wrong
            continue
        if known.get(_key(path)) != (stat.st_size, stat.st_mtime_ns):
            stale.append(path)
    return stale


def _write(index: sqlite3.Connection, folder: Path, side: int, found: Sequence[_Decoded]) -> None:
    """One more shard with the new images among these, then their rows."""
    fresh = {image.sha256: image.pixels for image in found if image.pixels is not None}
    rows = []
    if fresh:
        content = hashlib.sha256("".join(fresh).encode()).hexdigest()[:16]
        shard, start = f"{side}-{content}.npy", 0
        for digest, pixels in fresh.items():
            rows.append((digest, side, shard, start, *pixels.shape[1:]))
            start += pixels.size
        flat = np.concatenate([pixels.ravel() for pixels in fresh.values()])
        write_atomically(folder / shard, lambda partial: _save(partial, flat))
    with index:
        index.executemany("INSERT OR REPLACE INTO images VALUES (?, ?, ?, ?, ?, ?)", rows)
        index.executemany(
            "INSERT OR REPLACE INTO files VALUES (?, ?, ?, ?)",
            [(_key(image.path), image.size, image.changed, image.sha256) for image in found],
        )


def _key(path: Path) -> str | bytes:
    """A path in the index: text, or the bytes of a name that is not UTF-8."""
    try:
        str(path).encode()
    except UnicodeEncodeError:
        return os.fsencode(path)
    return str(path)


def _save(path: Path, flat: npt.NDArray[np.uint8]) -> None:
    """As `numpy.save`, which does not say why where it cannot write."""
    with path.open("wb") as file:
        npy.write_array_header_1_0(file, npy.header_data_from_array_1_0(flat))
        file.write(flat.data)


def _find_places(index: sqlite3.Connection, paths: Sequence[Path], side: int) -> list[Place | None]:
    """Where each file's image lies; None if it could not be read."""
    rows = index.execute(
        "SELECT path, size, changed, shard, start, height, width FROM files JOIN images USING (sha256) WHERE side = ?",
        (side,),
    )
    known = {row[0]: (row[1:3], Place(*row[3:])) for row in rows}
    return [_check_place(path, known.get(_key(path))) for path in paths]


def _check_place(path: Path, found: tuple[tuple[int, int], Place] | None) -> Place | None:
    """The place of a file's image if the file is still the one that was hashed."""
    try:
        stat = path.stat()
    except OSError:
        return None
    return found[1] if found and found[0] == (stat.st_size, stat.st_mtime_ns) else None
