"""What `gnn_dml.results.gallery` draws: queries and their neighbours as arrays of pixels and names.

Legend: Q queries, k neighbours.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt
from torch import Tensor

from gnn_dml.data.images import ImageSplit
from gnn_dml.data.transforms import Transform
from gnn_dml.evaluation.search import Neighbours, Queries

Arrays = dict[str, npt.NDArray[np.generic]]


def neighbour_arrays(queries: Queries, neighbours: Neighbours, split: ImageSplit, transform: Transform) -> Arrays:
    """Pixels, names and marks of queries and their neighbours.

    A query from outside the split has no class: nothing that it finds is right or wrong.

    Args:
        queries: Q images.
        neighbours: Of each, in the split.
        split: Its images, with their classes.
        transform: From a stored image to one of the size (3, h, w) of all, uint8.

    Returns:
        `query_images` (Q, h, w, 3) and `neighbour_images` (Q, k, h, w, 3) as uint8, `correct` and `similarity` (Q, k),
        `known` (Q,), whether the query has a class, `query_names` (Q,) and `neighbour_names` (Q, k): the names of the
        classes, or that of the file for a query without one.
    """
    classes = np.array(split.class_names)
    own = [None if place is None else int(split.labels[place]) for place in queries.places]
    labels = split.labels[neighbours.places].numpy()
    pixels = {i: _pixels(transform(split.images[i])) for i in set(neighbours.places.flatten().tolist())}
    return {
        "query_images": np.stack([_pixels(transform(image)) for image in queries.images]),
        "neighbour_images": np.stack([np.stack([pixels[i] for i in row]) for row in neighbours.places.tolist()]),
        "correct": np.stack([row == label for row, label in zip(labels, own, strict=True)]),
        "known": np.array([label is not None for label in own]),
        "similarity": neighbours.similarity.numpy(),
        "query_names": np.array(
            [
                Path(name).name if label is None else classes[label]
                for name, label in zip(queries.names, own, strict=True)
            ]
        ),
        "neighbour_names": classes[labels],
    }


def _pixels(image: Tensor) -> npt.NDArray[np.uint8]:
    """(3, h, w) to (h, w, 3)."""
    pixels: npt.NDArray[np.uint8] = image.permute(1, 2, 0).contiguous().numpy()
    return pixels
