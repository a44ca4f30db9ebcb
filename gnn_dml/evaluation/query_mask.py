"""Which of N images are queries: what such a mask has to be."""

from __future__ import annotations

import torch
from torch import Tensor


def check_query(query: Tensor | None, images: int, labels: Tensor | None = None) -> None:
    """Refuse a mask, or labels, of other images than there are.

    Positions in the place of a mask would be taken for one, and give the wrong images without a word.

    Args:
        query: bool (N,), or None where each image is looked up among all others.
        images: N.
        labels: Of N images, or None where nothing is scored.

    Raises:
        ValueError: If the mask is of another shape or type, or there is another number of labels; the message says both
            numbers.

    Example:
        >>> check_query(torch.tensor([True, False]), 2)
        >>> check_query(torch.tensor([0, 3]), 4)
        Traceback (most recent call last):
        ...
        ValueError: query must be bool (4,), True for each image that is one, not torch.int64 (2,)
    """
    if query is not None and (query.dtype != torch.bool or query.shape != (images,)):
        raise ValueError(
            f"query must be bool ({images},), True for each image that is one, not {query.dtype} {tuple(query.shape)}"
        )
    if labels is not None and len(labels) != images:
        raise ValueError(f"labels must be ({images},), one for each image, not ({len(labels)},)")
