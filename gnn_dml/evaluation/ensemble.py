"""Several embeddings of the same images as one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from gnn_dml.data.images import ImageSplit
from gnn_dml.data.transforms import Transforms
from gnn_dml.errors import UserError
from gnn_dml.evaluation.embed import Embeddings, embed
from gnn_dml.evaluation.neighbourhoods import Neighbourhoods
from gnn_dml.metrics.scale import normalize_rows
from gnn_dml.training.learner import Learner


@dataclass(frozen=True)
class Member:
    """A learner with the images that it embeds, and how.

    Attributes:
        name: What the user calls it.
        learner: Its mode is left as it is.
        split: The images.
        transforms: How this learner sees them.
        neighbourhoods: Which images make the graph of each image, where it has a refiner.
        workers: Processes that load images.
        refine_gallery: See `gnn_dml.evaluation.embed`.
    """

    name: str
    learner: Learner
    split: ImageSplit
    transforms: Transforms
    neighbourhoods: Neighbourhoods
    workers: int = 0
    refine_gallery: bool = True

    def embed(self, device: torch.device, *, refine: bool = True) -> Embeddings:
        """Embed the images, with a progress bar; the learner is on the CPU again afterwards.

        Raises:
            UserError: If an image cannot be read, or an embedding is not finite.
        """
        embeddings = embed(
            self.learner.to(device),
            self.split,
            self.transforms,
            device,
            neighbourhoods=self.neighbourhoods,
            workers=self.workers,
            refine=refine,
            refine_gallery=self.refine_gallery,
            progress=f"embedding by {self.name}",
        )
        self.learner.cpu()
        check_finite(self.name, embeddings)
        return embeddings


def embed_ensemble(members: Sequence[Member], device: torch.device, *, refine: bool = True) -> list[Embeddings]:
    """Embed the same images with each member; `join_embeddings` makes one of them.

    Args:
        members: One or more.
        device: Where to compute.
        refine: Whether to refine too, where a member has a refiner.

    Returns:
        The embeddings of each member.

    Raises:
        UserError: If the members' images differ, one cannot be read, or an embedding is not finite.
    """
    check_same_images(members)
    return [member.embed(device, refine=refine) for member in members]


def join_embeddings(embeddings: Sequence[Embeddings]) -> Embeddings:
    """The embeddings of an ensemble; refined where every member's are."""
    refined = [one.refined for one in embeddings if one.refined is not None]
    complete = len(refined) == len(embeddings)
    return Embeddings(concatenate([one.backbone for one in embeddings]), concatenate(refined) if complete else None)


def check_finite(name: str, embeddings: Embeddings) -> None:
    """See to it that the weights still give numbers.

    Raises:
        UserError: Counting the images for which they do not, and naming the place of the first.
    """
    for branch, x in (("backbone", embeddings.backbone), ("refined", embeddings.refined)):
        bad = [] if x is None else (~torch.isfinite(x).all(dim=1)).nonzero().squeeze(1).tolist()
        if bad:
            raise UserError(
                f"{name}: the {branch} embeddings of {len(bad)} of {len(embeddings.backbone)} images hold NaN or "
                f"infinity; the first is image {bad[0]}, counted from 0"
            )


def check_refiners(learners: Mapping[str, Learner]) -> None:
    """See to it that every learner, by name, has a refiner.

    Raises:
        UserError: Naming the first that has none.
    """
    for name, learner in learners.items():
        if not learner.has_refiner:
            raise UserError(f"--refined needs a refiner, and {name} has none")


def concatenate(embeddings: Sequence[Tensor]) -> Tensor:
    """The embeddings of M members side by side, each of length 1 / sqrt(M), so that the whole has length 1.

    The cosine similarity of the whole is then the mean of the members' cosine similarities.

    Args:
        embeddings: (N, D_m) each.

    Returns:
        (N, D_1 + ... + D_M); the one embedding itself where there is one.

    Example:
        >>> first, second = torch.tensor([[3.0, 4.0]]), torch.tensor([[1.0]])
        >>> concatenate([first, second]).norm()
        tensor(1.)
    """
    if len(embeddings) == 1:
        return embeddings[0]
    scale: float = len(embeddings) ** -0.5
    return scale * torch.cat([normalize_rows(x) for x in embeddings], dim=1)


def check_same_images(members: Sequence[Member]) -> None:
    """See to it that all members embed the same images in the same order, with the same classes.

    Raises:
        UserError: Naming the first member that differs, and how.
    """
    first = members[0]
    for other in members[1:]:
        if how := _difference(first.split, other.split):
            raise UserError(
                "the members of an ensemble must embed the same images, and between "
                f"{first.name} and {other.name} {how}"
            )


def _difference(first: ImageSplit, split: ImageSplit) -> str | None:
    if len(first) != len(split):
        return f"the numbers of images differ: {len(first)} and {len(split)}"
    differing = sum(a != b for a, b in zip(first.image_names, split.image_names, strict=True))
    if differing:
        return f"{differing} of {len(first)} images differ"
    if not torch.equal(first.labels, split.labels) or first.class_names != split.class_names:
        return "the classes of the images differ"
    apart = (first.query is None, split.query is None)
    same = apart == (True, True) or (apart == (False, False) and torch.equal(_mask(first), _mask(split)))
    return None if same else "the queries differ"


def _mask(split: ImageSplit) -> Tensor:
    assert split.query is not None
    return split.query
