"""A few test images with their nearest neighbours, kept as a file for the picture of a run."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from gnn_dml.data.images import ImageSplit
from gnn_dml.engine.files import write_whole
from gnn_dml.engine.refine import nearest_neighbours


def write_neighbours(path: Path, features: Tensor, split: ImageSplit, *, queries: int = 12, k: int = 8) -> None:
    """Write the k nearest test images of some test images.

    The queries stand at even distances through the split, whatever their result: nothing is picked for its looks.

    Args:
        path: An npz file with `query_images` (Q, h, w, 3) and `neighbour_images` (Q, k, h, w, 3) as uint8, `correct`
            and `similarity` (Q, k), `query_names` (Q,) and `neighbour_names` (Q, k), the names of the classes.
        features: L2-normalised (N, D).
        split: The N images.
        queries: Q, fewer if the split has fewer images.
        k: Neighbours, fewer likewise.
    """
    chosen = torch.linspace(0, len(split) - 1, min(queries, len(split))).round().long()
    found = nearest_neighbours(features, min(k, len(split) - 1))[chosen]
    names = np.array(split.class_names)
    arrays = {
        "query_images": split.images[chosen].permute(0, 2, 3, 1).numpy(),
        "neighbour_images": split.images[found].permute(0, 1, 3, 4, 2).numpy(),
        "correct": (split.labels[found] == split.labels[chosen, None]).numpy(),
        "similarity": (features[found] * features[chosen, None]).sum(-1).numpy(),
        "query_names": names[split.labels[chosen].numpy()],
        "neighbour_names": names[split.labels[found].numpy()],
    }

    def write(partial: Path) -> None:
        with partial.open("wb") as file:
            np.savez_compressed(file, **arrays)

    write_whole(path, write)
