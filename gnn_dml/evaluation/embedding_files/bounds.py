"""A file of a few kilobytes can unfold to many gigabytes: how much it would be is asked before it is read."""

from __future__ import annotations

from pathlib import Path

from gnn_dml.errors import UserError

ALWAYS = 2**30
"""Bytes that any file may unfold to."""
RATIO = 64
"""Bytes in memory for each byte of the file; embeddings hardly pack at all."""


def check_unfolded(path: Path, needed: int) -> None:
    """See to it that a file does not unfold to more than embeddings do.

    Args:
        path: The file.
        needed: Bytes in memory, by what the file says of itself.

    Raises:
        UserError: If that is above 1 GiB and above 64 times the size of the file.
    """
    size = path.stat().st_size
    if needed > max(ALWAYS, RATIO * size):
        raise UserError(
            f"{path} holds {size:,} bytes and would unfold to {needed:,}: that is no file of embeddings, and it would "
            "fill the memory"
        )
