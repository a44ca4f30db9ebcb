"""Embeddings with their labels as a table: what is written to a file, and what is read from one.

Legend: N images, D channels.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

ROLES = ("query", "gallery")


@dataclass(frozen=True)
class EmbeddingTable:
    """N embeddings.

    Attributes:
        vectors: (N, D), floating point.
        labels: The name of each image's class (N,).
        paths: N names, or None.
        query: bool (N,), which are queries; the others are the gallery. None where they are not apart.
        about: How they came about, for instance the seed of the run and its K.
    """

    vectors: npt.NDArray[np.floating[Any]]
    labels: tuple[str, ...]
    paths: tuple[str, ...] | None = None
    query: npt.NDArray[np.bool_] | None = None
    about: Mapping[str, Any] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.labels)

    def tensors(self) -> tuple[Tensor, Tensor, Tensor | None]:
        """Vectors (N, D), labels as whole numbers (N,) in the order in which they first appear, and queries (N,)."""
        numbers = {name: i for i, name in enumerate(dict.fromkeys(self.labels))}
        labels = torch.tensor([numbers[name] for name in self.labels], dtype=torch.long)
        query = None if self.query is None else torch.from_numpy(self.query)
        return torch.from_numpy(self.vectors), labels, query

    def roles(self) -> tuple[str, ...] | None:
        """For each image "query" or "gallery", or None where they are not apart."""
        return None if self.query is None else tuple(ROLES[0] if asks else ROLES[1] for asks in self.query)


def number_equal_names(names: Sequence[str]) -> tuple[str, ...]:
    """Class names as labels: those of different classes that are alike get their number."""
    counts = Counter(names)
    return tuple(f"{name} ({i})" if counts[name] > 1 else name for i, name in enumerate(names))
