"""Images in files, decoded when they are asked for."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from torch import Tensor

from gnn_dml.data.decode import read_image


class ImageFiles:
    """The `Images` in a list of files.

    Args:
        paths: N files.
        upright: See `gnn_dml.data.decode.decode`.
    """

    def __init__(self, paths: Sequence[Path], *, upright: bool = True) -> None:
        self.paths = list(paths)
        self.upright = upright

    def __len__(self) -> int:
        return len(self.paths)

    def __getitem__(self, index: int) -> Tensor:
        """Decode one image, uint8 (3, h, w).

        Raises:
            UserError: If it cannot be read; the message names the file.
        """
        return read_image(self.paths[index], upright=self.upright)

    def only(self, index: Sequence[int]) -> ImageFiles:
        """The images at these positions."""
        return ImageFiles([self.paths[i] for i in index], upright=self.upright)
