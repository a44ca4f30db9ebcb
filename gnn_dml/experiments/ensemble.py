"""Several embeddings of the same images as one."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn.functional import normalize

from gnn_dml.data.images import ImageSplit
from gnn_dml.errors import UserError
from gnn_dml.evaluation.embed import Embeddings, embed
from gnn_dml.experiments.build import build_neighbourhoods
from gnn_dml.experiments.trained import Trained


def embed_together(
    members: Sequence[Trained], split: str, device: torch.device, *, refine: bool = True, workers: int | None = None
) -> tuple[ImageSplit, list[Embeddings]]:
    """Embed the same images with each member, with a progress bar.

    Args:
        members: One or more.
        split: Its name.
        device: Where to compute.
        refine: Whether to refine too, where a member has a refiner.
        workers: Processes that load images; None takes each member's setting.

    Returns:
        The images, and the embeddings of each member.

    Raises:
        UserError: If the members' images differ, one cannot be read, or an embedding is not finite.
    """
    seen = [member.split(split) for member in members]
    check_same_images([member.name for member in members], [images for images, _ in seen])
    found = []
    for member, (images, transforms) in zip(members, seen, strict=True):
        embeddings = embed(
            member.learner.to(device),
            images,
            transforms,
            device,
            neighbourhoods=build_neighbourhoods(member.config["protocol"]),
            workers=member.config["workers"] if workers is None else workers,
            refine=refine,
            progress=f"embedding by {member.name}",
        )
        member.learner.cpu()
        check_finite(member.name, embeddings)
        found.append(embeddings)
    return seen[0][0], found


def together(embeddings: Sequence[Embeddings]) -> Embeddings:
    """The embeddings of an ensemble; refined where every member's are."""
    refined = [one.refined for one in embeddings if one.refined is not None]
    whole = len(refined) == len(embeddings)
    return Embeddings(concatenated([one.backbone for one in embeddings]), concatenated(refined) if whole else None)


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


def check_refined(members: Sequence[Trained]) -> None:
    """See to it that every member has a refiner.

    Raises:
        UserError: Naming the first that has none.
    """
    for member in members:
        if member.learner.refiner is None:
            raise UserError(f"--refined needs a refiner, and {member.name} has none")


def concatenated(embeddings: Sequence[Tensor]) -> Tensor:
    """The embeddings of M members side by side, each of length 1 / sqrt(M), so that the whole has length 1.

    The cosine similarity of the whole is then the mean of the members' cosine similarities.

    Args:
        embeddings: (N, D_m) each.

    Returns:
        (N, D_1 + ... + D_M); the one embedding itself where there is one.
    """
    if len(embeddings) == 1:
        return embeddings[0]
    scale: float = len(embeddings) ** -0.5
    return scale * torch.cat([normalize(x, dim=1) for x in embeddings], dim=1)


def check_same_images(names: Sequence[str], splits: Sequence[ImageSplit]) -> None:
    """See to it that all members embed the same images in the same order, with the same classes.

    Raises:
        UserError: Naming the first member that differs, and how.
    """
    first = splits[0]
    for name, split in zip(names[1:], splits[1:], strict=True):
        if how := _difference(first, split):
            raise UserError(
                f"the members of an ensemble must embed the same images, and between {names[0]} and {name} {how}"
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
