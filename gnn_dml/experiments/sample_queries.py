"""A few test images with their nearest neighbours, kept as a file for the picture of a run."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from gnn_dml.data.images import ImageSplit
from gnn_dml.data.transforms import Transform
from gnn_dml.evaluation.neighbour_picture import neighbour_arrays
from gnn_dml.evaluation.search import Neighbours, Queries
from gnn_dml.experiments.files import write_whole
from gnn_dml.metrics.ranking.nearest import most_neighbours, nearest_neighbours


def write_neighbours(
    path: Path, features: Tensor, split: ImageSplit, transform: Transform, *, queries: int = 12, k: int = 8
) -> None:
    """Write the k nearest test images of some test images; where there is a gallery, those of the gallery.

    The queries stand at even distances through the split, whatever their result: nothing is picked for its looks.

    Args:
        path: An npz file with the arrays of `gnn_dml.evaluation.neighbour_picture.neighbour_arrays`.
        features: L2-normalised (N, D).
        split: The N images.
        transform: From a stored image to one of the size (3, h, w) of all, uint8.
        queries: How many, fewer if the split has fewer images.
        k: Neighbours, fewer likewise.
    """
    candidates = torch.arange(len(split)) if split.query is None else split.query.nonzero().squeeze(1)
    even = torch.linspace(0, len(candidates) - 1, min(queries, len(candidates))).round().long()
    chosen = candidates[even]
    k = min(k, most_neighbours(len(split), split.query))
    found = nearest_neighbours(features, k, query=split.query)[chosen]
    places = chosen.tolist()
    arrays: Any = neighbour_arrays(
        Queries([split.image_names[i] for i in places], [split.images[i] for i in places], places),
        Neighbours(found, (features[found] * features[chosen, None]).sum(-1)),
        split,
        transform,
    )

    def write(partial: Path) -> None:
        with partial.open("wb") as file:
            np.savez_compressed(file, **arrays)

    write_whole(path, write)
