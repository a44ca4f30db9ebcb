"""The files that a cache is filled from: hashed, and decoded where their content is new, in whichever process."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor
from torch.utils.data import Dataset
from torchvision.transforms.v2.functional import resize

from gnn_dml.data.decode import decode
from gnn_dml.errors import UserError


class Decoded(NamedTuple):
    """What is known of a file after a look at it."""

    path: Path
    stamp: str
    sha256: str
    shape: tuple[int, int, int] | None
    """Of the pixels, (3, h, w); None for an image that the cache holds already, or one that cannot be read."""
    said: str
    """Why it cannot be read, or nothing."""


class DecodedBatch(NamedTuple):
    """Several files, and the pixels of those that were decoded."""

    found: list[Decoded]
    pixels: Tensor
    """Of all of them, one after another. A tensor goes from process to process in shared memory; a process that writes
    as much to a pipe waits for ever for a reader that was killed."""


class Sources(Dataset[DecodedBatch]):
    """Files to hash, and to decode unless their content is known."""

    def __init__(self, paths: Sequence[Path], known: set[str], side: int, upright: bool) -> None:
        self.paths = paths
        self.known = known
        self.side = side
        self.upright = upright

    def __len__(self) -> int:
        return len(self.paths)

    def __getitems__(self, indices: list[int]) -> DecodedBatch:
        found = [self._decode_file(self.paths[i]) for i in indices]
        pixels = [image for _, image in found if image is not None]
        nothing = torch.empty(0, dtype=torch.uint8)
        return DecodedBatch([one for one, _ in found], torch.cat([nothing, *pixels]))

    def _decode_file(self, path: Path) -> tuple[Decoded, Tensor | None]:
        """What is known of a file, and the flat pixels if they are new."""
        try:
            stamp = stamp_of(path)
            data = path.read_bytes()
        except OSError as error:
            said = f"cannot read the image {path}: {error.strerror or error}"
            return Decoded(path, "", "", None, said), None
        digest = hashlib.sha256(data).hexdigest()
        if digest in self.known:
            return Decoded(path, stamp, digest, None, ""), None
        try:
            image = resize_shorter_side(decode(data, str(path), upright=self.upright), self.side)
        except UserError as error:
            return Decoded(path, stamp, digest, None, str(error)), None
        return Decoded(path, stamp, digest, (3, image.size(1), image.size(2)), ""), image.reshape(-1)


def stamp_of(path: Path) -> str:
    """What changes whenever a file may have changed, also when one of equal size and time is put in its place."""
    stat = path.stat()
    return f"{stat.st_ino}-{stat.st_size}-{stat.st_mtime_ns}-{stat.st_ctime_ns}"


def resize_shorter_side(image: Tensor, side: int) -> Tensor:
    """An image (3, h, w) with its shorter side resized to `side`, or as it is if that is not shorter."""
    if min(image.shape[1:]) <= side:
        return image
    resized: Tensor = resize(image, [side], antialias=True)
    return resized
