"""The images of a split that are nearest to some query images.

Legend: N images of the split, Q queries, D channels, k neighbours.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import cast

import torch
from torch import Tensor

from gnn_dml.data import read_image
from gnn_dml.data.files import ImageFiles
from gnn_dml.data.images import Images, ImageSplit
from gnn_dml.errors import UserError
from gnn_dml.evaluation.ensemble import Member
from gnn_dml.metrics.ranking.nearest import nearest_items
from gnn_dml.metrics.ranking.space import make_space
from gnn_dml.text import exists, show_name, typed_path


@dataclass(frozen=True)
class Queries:
    """Q images whose neighbours are wanted.

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
class Neighbours:
    """The neighbours of Q images.

    Attributes:
        places: In the split, nearest first, (Q, k).
        similarity: Cosines (Q, k).
    """

    places: Tensor
    similarity: Tensor


def read_queries(names: Sequence[str], split: ImageSplit) -> Queries:
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
        path = typed_path(name)
        there = exists(path) and path.is_file()
        place = by_file.get(path.resolve()) if there else by_name.get(show_name(name))
        if place is None and not there:
            raise UserError(
                f"{name} is no image file, and no image of the split has that name; names there are like "
                f"{split.image_names[0]}"
            )
        places.append(place)
        images.append(read_image(path) if place is None else split.images[place])
    return Queries(names, images, places)


def find_neighbours(
    member: Member, queries: Queries, device: torch.device, *, k: int, refined: bool = False
) -> Neighbours:
    """Embed the split and the queries, with a progress bar, and rank the images of the split.

    Where queries and gallery are apart, the gallery is searched; else the whole split. An image of the split does not
    find itself. Refined, every image of the split is so in the graph of its neighbours there, and so is every other
    image; those are nobody's neighbours. The ranking is that of the metrics: exact, ties to the lower index.

    Args:
        member: The learner and the split to search; with `refined` a learner with a refiner.
        queries: Whose neighbours are wanted.
        device: Where to compute.
        k: How many neighbours; fewer where there are not as many.
        refined: Whether the refined embedding counts.

    Raises:
        UserError: If there is nothing to find, or an embedding is not finite.
    """
    split = member.split
    outside = [row for row, place in enumerate(queries.places) if place is None]
    joined = _append(split, [queries.images[row] for row in outside]) if outside else split
    embeddings = replace(member, split=joined).embed(device, refine=refined)
    x = embeddings.refined if refined else embeddings.backbone
    assert x is not None
    positions = {row: len(split) + i for i, row in enumerate(outside)}
    rows = [positions[row] if place is None else place for row, place in enumerate(queries.places)]
    return rank_images(x[rows], x[: len(split)], queries.places, _candidates(split), k)


def as_split(images: Sequence[Tensor], names: Sequence[str]) -> ImageSplit:
    """Images of no known class as a split.

    Args:
        images: uint8 (3, h, w) each.
        names: Of them.
    """
    return ImageSplit(
        images=cast("Images", list(images)),
        labels=torch.zeros(len(images), dtype=torch.long),
        class_names=("",),
        image_names=tuple(names),
    )


def _append(split: ImageSplit, others: Sequence[Tensor]) -> ImageSplit:
    """The split and then other images, which are nobody's neighbours; their labels say nothing."""
    return ImageSplit(
        images=cast("Images", _Joined(split.images, others)),
        labels=torch.cat([split.labels, torch.zeros(len(others), dtype=torch.long)]),
        class_names=split.class_names,
        image_names=(*split.image_names, *map(str, range(len(others)))),
        query=torch.cat([~_candidates(split), torch.ones(len(others), dtype=torch.bool)]),
    )


def rank_images(queries: Tensor, x: Tensor, places: Sequence[int | None], candidates: Tensor, k: int) -> Neighbours:
    """The k candidates most similar to each query by cosine, exactly; ties go to the lower index.

    Args:
        queries: Embeddings (Q, D).
        x: Embeddings of the images (N, D).
        places: Where each query is among the images, so that it is not its own neighbour; None where it is not there.
        candidates: bool (N,), which images may be found.
        k: How many; fewer where one of the queries has not as many.

    Raises:
        UserError: If there is no other image.
    """
    index = candidates.nonzero().squeeze(1)
    own = torch.tensor([-1 if place is None else place for place in places])
    others = len(index) - torch.isin(own, index).long()
    k = min(k, int(others.min()))
    if k < 1:
        raise UserError("there is no other image to find: the split has one")
    space = make_space(queries, x[index], "cosine", own=False)
    found = nearest_items(space, min(k + 1, len(index)))  # one more, since a query may be among them
    keep = index[found] != own[:, None]
    first = keep.cumsum(dim=1) <= k
    items = found[keep & first].view(len(queries), k)
    rows = torch.arange(len(queries))[:, None].expand(items.shape)
    similarity = 1 + space.exact(rows.flatten(), items.flatten())
    return Neighbours(index[items], similarity.view(items.shape).float())


def _candidates(split: ImageSplit) -> Tensor:
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
