"""The images of a split that are nearest to some other images.

Legend: N images of the split, Q other images, D channels, k neighbours.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from gnn_dml.data import read_image
from gnn_dml.data.files import ImageFiles
from gnn_dml.data.images import Images, ImageSplit
from gnn_dml.data.transforms import Transforms
from gnn_dml.errors import UserError
from gnn_dml.evaluation.embed import embed
from gnn_dml.experiments.build import build_neighbourhoods
from gnn_dml.experiments.ensemble import check_finite
from gnn_dml.experiments.trained import Trained


@dataclass(frozen=True)
class Asked:
    """Q images whose neighbours are asked for.

    Attributes:
        names: As typed.
        images: Q images, uint8 (3, h, w) each.
        places: For each its place in the split, or None for one from outside.
    """

    names: Sequence[str]
    images: Sequence[Tensor]
    places: Sequence[int | None]

    def __len__(self) -> int:
        return len(self.names)


@dataclass(frozen=True)
class Found:
    """What was found for Q images.

    Attributes:
        places: In the split, nearest first, (Q, k).
        similarity: Cosines (Q, k).
    """

    places: Tensor
    similarity: Tensor


def read_asked(names: Sequence[str], split: ImageSplit) -> Asked:
    """Read images: of files, or of the split by name. A file that is an image of the split is known as that.

    Raises:
        UserError: If there is neither such a file nor such a name, or a file cannot be decoded.
    """
    by_name = {name: place for place, name in enumerate(split.image_names)}
    files = split.images.paths if isinstance(split.images, ImageFiles) else []
    by_file = {path.resolve(): place for place, path in enumerate(files)}
    images: list[Tensor] = []
    places: list[int | None] = []
    for name in names:
        path = Path(name)
        place = by_file.get(path.resolve()) if path.is_file() else by_name.get(name)
        if place is None and not path.is_file():
            raise UserError(
                f"{name} is no image file, and no image of the split has that name; names there are like "
                f"{split.image_names[0]}"
            )
        places.append(place)
        images.append(read_image(path) if place is None else split.images[place])
    return Asked(names, images, places)


def find_nearest(
    trained: Trained,
    split: ImageSplit,
    transforms: Transforms,
    asked: Asked,
    device: torch.device,
    *,
    k: int,
    refined: bool = False,
    workers: int | None = None,
) -> Found:
    """Embed the split and the images, with a progress bar, and compare them.

    Where queries and gallery are apart, the gallery is searched; else the whole split. An image of the split does not
    find itself. Refined, every image of the split is so in the graph of its neighbours there, and so is every other
    image; those are nobody's neighbours.

    Args:
        trained: The learner; with `refined` one with a refiner.
        split: To search.
        transforms: How its images are seen, and the others.
        asked: Whose neighbours are asked for.
        device: Where to compute.
        k: How many neighbours; fewer where there are not as many.
        refined: Whether the refined embedding counts.
        workers: Processes that load images; None takes the setting of the run.

    Raises:
        UserError: If there is nothing to find, or an embedding is not finite.
    """
    outside = [row for row, place in enumerate(asked.places) if place is None]
    embedded = embed(
        trained.learner.to(device),
        _with(split, [asked.images[row] for row in outside]) if outside else split,
        transforms,
        device,
        neighbourhoods=build_neighbourhoods(trained.config["protocol"]),
        workers=trained.config["workers"] if workers is None else workers,
        refine=refined,
        progress=f"embedding by {trained.name}",
    )
    check_finite(trained.name, embedded)
    x = embedded.refined if refined else embedded.backbone
    assert x is not None
    at = {row: len(split) + i for i, row in enumerate(outside)}
    rows = [at[row] if place is None else place for row, place in enumerate(asked.places)]
    return _nearest(x[rows], x[: len(split)], split, asked, k)


def _with(split: ImageSplit, others: Sequence[Tensor]) -> ImageSplit:
    """The split and then other images, which are nobody's neighbours; their labels say nothing."""
    return ImageSplit(
        images=cast("Images", _Joined(split.images, others)),
        labels=torch.cat([split.labels, torch.zeros(len(others), dtype=torch.long)]),
        class_names=split.class_names,
        image_names=(*split.image_names, *map(str, range(len(others)))),
        query=torch.cat([~_searched(split), torch.ones(len(others), dtype=torch.bool)]),
    )


def _nearest(queries: Tensor, x: Tensor, split: ImageSplit, asked: Asked, k: int) -> Found:
    """The k nearest images of the split; ties go to the first."""
    similarity = queries @ x.T
    similarity[:, ~_searched(split)] = -torch.inf
    for row, place in enumerate(asked.places):
        if place is not None:
            similarity[row, place] = -torch.inf
    values, places = similarity.sort(dim=1, descending=True, stable=True)
    k = min(k, int(torch.isfinite(values).sum(dim=1).min()))
    if k < 1:
        raise UserError("there is no other image to find: the split has one")
    return Found(places[:, :k], values[:, :k])


def picture(
    asked: Asked, found: Found, split: ImageSplit, transforms: Transforms
) -> dict[str, npt.NDArray[np.generic]]:
    """What `gnn_dml.results.gallery` draws; an image from outside has no class: nothing it finds is right or wrong."""
    classes = np.array(split.class_names)
    own = [None if place is None else int(split.labels[place]) for place in asked.places]
    shown = {i: _pixels(transforms.evaluate(split.images[i])) for i in set(found.places.flatten().tolist())}
    labels = split.labels[found.places].numpy()
    return {
        "query_images": np.stack([_pixels(transforms.evaluate(image)) for image in asked.images]),
        "neighbour_images": np.stack([np.stack([shown[i] for i in row]) for row in found.places.tolist()]),
        "correct": np.stack([row == label for row, label in zip(labels, own, strict=True)]),
        "known": np.array([label is not None for label in own]),
        "similarity": found.similarity.numpy(),
        "query_names": np.array(
            [Path(name).name if label is None else classes[label] for name, label in zip(asked.names, own, strict=True)]
        ),
        "neighbour_names": classes[labels],
    }


def _pixels(image: Tensor) -> npt.NDArray[np.uint8]:
    """(3, h, w) to (h, w, 3)."""
    seen: npt.NDArray[np.uint8] = image.permute(1, 2, 0).contiguous().numpy()
    return seen


def _searched(split: ImageSplit) -> Tensor:
    """Which images of the split may be found, bool (N,)."""
    return torch.ones(len(split), dtype=torch.bool) if split.query is None else ~split.query


class _Joined:
    """The images of a split, and then others."""

    def __init__(self, images: Images, others: Sequence[Tensor]) -> None:
        self.images = images
        self.others = others

    def __len__(self) -> int:
        return len(self.images) + len(self.others)

    def __getitem__(self, index: int) -> Tensor:
        own = len(self.images)
        return self.images[index] if index < own else self.others[index - own]
