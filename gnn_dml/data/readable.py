"""What to do about images that cannot be read: stop and name them, or leave them out and count them."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import torch
from torch.utils.data import DataLoader, Dataset
from tqdm import tqdm

from gnn_dml.data.decode import decode
from gnn_dml.data.workers import watch_workers
from gnn_dml.errors import UserError


class Checked(NamedTuple):
    """What reading files whole has shown.

    Attributes:
        faults: For each file that cannot be read its position and the sentence that says why.
        digests: The sha256 of each file's content, 32 bytes; empty for a file that cannot be opened.
    """

    faults: dict[int, str]
    digests: list[bytes]


class _Decoding(Dataset["list[tuple[int, str, bytes]]"]):
    """Files to decode, for what goes wrong and for the checksum alone."""

    def __init__(self, paths: Sequence[Path]) -> None:
        self.paths = paths

    def __len__(self) -> int:
        return len(self.paths)

    def __getitems__(self, indices: list[int]) -> list[tuple[int, str, bytes]]:
        return [(i, *_try_to_read(self.paths[i])) for i in indices]


def _try_to_read(path: Path) -> tuple[str, bytes]:
    try:
        data = path.read_bytes()
    except OSError as error:
        return f"cannot read the image {path}: {error.strerror or error}", b""
    digest = hashlib.sha256(data).digest()
    try:
        decode(data, str(path))
    except UserError as error:
        return str(error), digest
    return "", digest


def _pass_through(batch: list[tuple[int, str, bytes]]) -> list[tuple[int, str, bytes]]:
    return batch


def check_files(paths: Sequence[Path], *, workers: int = 0) -> Checked:
    """Decode every file once, with a progress bar.

    Args:
        paths: N image files.
        workers: Processes that decode; 0 decodes in this one.

    Raises:
        UserError: If one of the processes has ended.
    """
    batches = DataLoader(
        _Decoding(paths), batch_size=16, num_workers=workers, collate_fn=_pass_through, generator=torch.Generator()
    )
    found = Checked({}, [])
    with tqdm(total=len(paths), desc="reading every image", unit="image", disable=None) as bar:
        for batch in watch_workers(batches):
            found.faults.update({i: said for i, said, _ in batch if said})
            found.digests.extend(digest for _, _, digest in batch)
            bar.update(len(batch))
    return found


def find_unreadable(paths: Sequence[Path], *, workers: int = 0) -> dict[int, str]:
    """The files that cannot be read, by position, and the sentence that says why; see `check_files`."""
    return check_files(paths, workers=workers).faults
