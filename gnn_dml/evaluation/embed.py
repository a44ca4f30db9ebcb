"""Both embeddings of the same weights: of the backbone, and refined at test time."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from tqdm import tqdm

from gnn_dml.data.images import ImageSplit
from gnn_dml.data.loader import evaluation_batches
from gnn_dml.data.transforms import Transforms
from gnn_dml.errors import UserError
from gnn_dml.evaluation.neighbourhoods import Neighbourhoods
from gnn_dml.evaluation.refine import refine_in_neighbourhoods
from gnn_dml.training.learner import Learner
from gnn_dml.training.mode import eval_mode

PART = 16
"""Images of a batch that go through the network at once on a CPU: fewer are slower, and round otherwise."""


@dataclass(frozen=True)
class Embeddings:
    """The embeddings of a split, on the CPU.

    Attributes:
        backbone: (N, D), L2-normalised.
        refined: (N, D'), or None without a refiner, or where the backbone's are not finite and have no neighbours.
        expanded: The backbone's moved towards its neighbours, without anything learned (N, D); None where it was not
            asked for. See `gnn_dml.evaluation.expand`.
    """

    backbone: Tensor
    refined: Tensor | None
    expanded: Tensor | None = None

    @property
    def branches(self) -> dict[str, Tensor | None]:
        """All three by name, in the order of the columns."""
        return {"backbone": self.backbone, "expanded": self.expanded, "refined": self.refined}

    @property
    def finite(self) -> bool:
        """Whether every entry is a finite number."""
        return all(bool(torch.isfinite(part).all()) for part in self.branches.values() if part is not None)


@torch.no_grad()
def embed(
    learner: Learner,
    split: ImageSplit,
    transforms: Transforms,
    device: torch.device,
    *,
    neighbourhoods: Neighbourhoods,
    workers: int = 0,
    refine: bool = True,
    refine_gallery: bool = True,
    progress: str | None = None,
) -> Embeddings:
    """Embed every image of a split, and refine each in the graph of its neighbourhood.

    Where queries and gallery are apart, its neighbours are images of the gallery, for queries and gallery images alike.

    Args:
        learner: Afterwards every part of it is in its own mode again.
        split: The images.
        transforms: How they are seen.
        device: Of the learner.
        neighbourhoods: Which images make the graph of each image.
        workers: Processes that load images.
        refine: Whether to refine at all, where there is a refiner.
        refine_gallery: Whether the images of a gallery apart are refined too; if not, their refined embedding is the
            backbone's, as in the published evaluation of In-Shop.
        progress: What a bar over the images is called; None shows none.
    """
    refined = None
    with eval_mode(learner):
        features = _embed_images(learner, split, transforms, device, workers, progress)
        if refine and learner.has_refiner and bool(torch.isfinite(features).all()):
            refined = _refine(learner, features, neighbourhoods, split.query).cpu()
            if not refine_gallery and split.query is not None:
                refined = with_plain_gallery(refined, features.cpu(), split.query)
    return Embeddings(features.cpu(), refined)


def with_plain_gallery(refined: Tensor, features: Tensor, query: Tensor) -> Tensor:
    """Refined queries beside a gallery as the backbone embeds it.

    Args:
        refined: (N, D').
        features: Of the backbone (N, D).
        query: bool (N,).

    Raises:
        UserError: If D' is not D, so that nothing could be compared.
    """
    if refined.shape != features.shape:
        raise UserError(
            f"a gallery that is not refined needs refined queries of as many channels, and these have "
            f"{refined.size(1)} beside {features.size(1)}; set protocol.refine_gallery=true"
        )
    return torch.where(query[:, None], refined, features)


def _refine(learner: Learner, features: Tensor, neighbourhoods: Neighbourhoods, query: Tensor | None) -> Tensor:
    """The refined embedding of every image (N, D'), on the device."""
    assert learner.refiner is not None
    assert learner.test_topology is not None
    return refine_in_neighbourhoods(
        learner.refiner, learner.test_topology, features, neighbourhoods=neighbourhoods, query=query
    )


def _embed_images(
    learner: Learner,
    split: ImageSplit,
    transforms: Transforms,
    device: torch.device,
    workers: int,
    progress: str | None,
) -> Tensor:
    """The backbone embedding of every image (N, D), on the device."""
    found = []
    batches = evaluation_batches(split.images, transforms.evaluate, workers=workers, pin_memory=device.type == "cuda")
    with tqdm(total=len(split), desc=progress, unit="image", disable=None if progress else True) as bar:
        for batch in batches:
            for part in _cut(batch, device):
                found.append(learner.embedder(transforms.finish(part.to(device))).features)
            bar.update(len(batch))
    return torch.cat(found)


def _cut(batch: Tensor, device: torch.device) -> tuple[Tensor, ...]:
    """A batch (n, 3, h, w) in the parts that are embedded at once: on a CPU of at least `PART` images each.

    What 256 photographs leave behind in a network is gigabytes, and a system takes as long to give them as a CPU takes
    to compute; what 16 leave is used again. Parts are of equal size to one image, so no few are left over at the end.
    """
    return torch.tensor_split(batch, max(1, len(batch) // PART)) if device.type == "cpu" else (batch,)
