"""What to do about images that cannot be read: stop and name them, or leave them out and count them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import torch
from torch.utils.data import DataLoader, Dataset
from tqdm import tqdm

from gnn_dml.data.decode import read_image
from gnn_dml.data.workers import watch_workers
from gnn_dml.errors import UserError


class _Decoding(Dataset["list[tuple[int, str]]"]):
    """Files to decode, for what goes wrong alone."""

    def __init__(self, paths: Sequence[Path]) -> None:
        self.paths = paths

    def __len__(self) -> int:
        return len(self.paths)

    def __getitems__(self, indices: list[int]) -> list[tuple[int, str]]:
        return [(i, _try_to_read(self.paths[i])) for i in indices]


def _try_to_read(path: Path) -> str:
    try:
        read_image(path)
    except UserError as error:
        return str(error)
    return ""


def _pass_through(batch: list[tuple[int, str]]) -> list[tuple[int, str]]:
    return batch


def find_unreadable(paths: Sequence[Path], *, workers: int = 0) -> dict[int, str]:
    """Decode every file once, with a progress bar.

    Args:
        paths: N image files.
        workers: Processes that decode; 0 decodes in this one.

    Returns:
        For each file that cannot be read its position and the sentence that says why.
    """
    batches = DataLoader(
        _Decoding(paths), batch_size=16, num_workers=workers, collate_fn=_pass_through, generator=torch.Generator()
    )
    found: dict[int, str] = {}
    with tqdm(total=len(paths), desc="reading every image", unit="image", disable=None) as bar:
        for batch in watch_workers(batches):
            found.update({i: said for i, said in batch if said})
            bar.update(len(batch))
    return found
