"""A few test images with their nearest neighbours, kept as a file for the picture of a run."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from gnn_dml.data.images import ImageSplit
from gnn_dml.data.transforms import Transform
from gnn_dml.experiments.files import write_whole
from gnn_dml.metrics.ranking.nearest import most_neighbours, nearest_neighbours


def write_neighbours(
    path: Path, features: Tensor, split: ImageSplit, transform: Transform, *, queries: int = 12, k: int = 8
) -> None:
    """Write the k nearest test images of some test images; where there is a gallery, those of the gallery.

    The queries stand at even distances through the split, whatever their result: nothing is picked for its looks.

    Args:
        path: An npz file with `query_images` (Q, h, w, 3) and `neighbour_images` (Q, k, h, w, 3) as uint8, `correct`
            and `similarity` (Q, k), `query_names` (Q,) and `neighbour_names` (Q, k), the names of the classes.
        features: L2-normalised (N, D).
        split: The N images.
        transform: From a stored image to one of the size (3, h, w) of all, uint8.
        queries: Q, fewer if the split has fewer images.
        k: Neighbours, fewer likewise.
    """
    candidates = torch.arange(len(split)) if split.query is None else split.query.nonzero().squeeze(1)
    even = torch.linspace(0, len(candidates) - 1, min(queries, len(candidates))).round().long()
    chosen = candidates[even]
    k = min(k, most_neighbours(len(split), split.query))
    found = nearest_neighbours(features, k, query=split.query)[chosen]
    shown = {i: _pixels(transform(split.images[i])) for i in {*chosen.tolist(), *found.flatten().tolist()}}
    names = np.array(split.class_names)
    arrays = {
        "query_images": np.stack([shown[i] for i in chosen.tolist()]),
        "neighbour_images": np.stack([np.stack([shown[i] for i in row]) for row in found.tolist()]),
        "correct": (split.labels[found] == split.labels[chosen, None]).numpy(),
        "similarity": (features[found] * features[chosen, None]).sum(-1).numpy(),
        "query_names": names[split.labels[chosen].numpy()],
        "neighbour_names": names[split.labels[found].numpy()],
    }

    def write(partial: Path) -> None:
        with partial.open("wb") as file:
            np.savez_compressed(file, **arrays)

    write_whole(path, write)


def _pixels(image: Tensor) -> npt.NDArray[np.uint8]:
    """(3, h, w) to (h, w, 3)."""
    pixels: npt.NDArray[np.uint8] = image.permute(1, 2, 0).contiguous().numpy()
    return pixels
