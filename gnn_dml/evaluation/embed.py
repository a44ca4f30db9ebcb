"""Both embeddings of the same weights, measured on a split."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from tqdm import tqdm

from gnn_dml.data.images import ImageSplit
from gnn_dml.data.loader import evaluation_batches
from gnn_dml.data.transforms import Transforms
from gnn_dml.evaluation.neighbourhoods import Neighbourhoods
from gnn_dml.evaluation.refine import refine_in_neighbourhoods
from gnn_dml.evaluation.score import score_embedding
from gnn_dml.training.learner import Learner
from gnn_dml.training.mode import eval_mode


@dataclass(frozen=True)
class Embeddings:
    """The embeddings of a split, on the CPU.

    Attributes:
        backbone: (N, D), L2-normalised.
        refined: (N, D'), or None without a refiner.
    """

    backbone: Tensor
    refined: Tensor | None

    @property
    def finite(self) -> bool:
        """Whether every entry is a finite number."""
        parts = [self.backbone] if self.refined is None else [self.backbone, self.refined]
        return all(bool(torch.isfinite(part).all()) for part in parts)


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
        progress: What a bar over the images is called; None shows none.
    """
    refined = None
    with eval_mode(learner):
        features = _features(learner, split, transforms, device, workers, progress)
        if refine and learner.refiner is not None and learner.test_topology is not None:
            refined = refine_in_neighbourhoods(
                learner.refiner, learner.test_topology, features, neighbourhoods=neighbourhoods, query=split.query
            ).cpu()
    return Embeddings(features.cpu(), refined)


def _features(
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
            found.append(learner.embedder(transforms.finish(batch.to(device))).features)
            bar.update(len(batch))
    return torch.cat(found)


def score(
    embeddings: Embeddings,
    split: ImageSplit,
    *,
    ks: Sequence[int] = (1, 2, 4, 8),
    cluster_seed: int | None = None,
) -> dict[str, float | None]:
    """Metrics of both embeddings, as `backbone_recall@1`, `refined_map@r` and so on.

    Args:
        embeddings: Of one set of weights.
        split: Their labels, and where queries are looked up in a gallery, which images are queries. Clustering takes
            all images together.
        ks: The K of Recall@K.
        cluster_seed: Seed of k-means for NMI and AMI, which take most of the time; None leaves them out.

    Returns:
        Fractions in [0, 1]; None in every `refined_` entry where there is no refined embedding.
    """
    measured = _score_one(embeddings.backbone, split, ks, cluster_seed)
    out: dict[str, float | None] = {f"backbone_{name}": value for name, value in measured.items()}
    if embeddings.refined is None:
        return {**out, **{f"refined_{name}": None for name in measured}}
    refined = _score_one(embeddings.refined, split, ks, cluster_seed)
    return {**out, **{f"refined_{name}": value for name, value in refined.items()}}


def _score_one(x: Tensor, split: ImageSplit, ks: Sequence[int], cluster_seed: int | None) -> dict[str, float]:
    found = score_embedding(x, split.labels, split.query, ks=ks, cluster_seed=cluster_seed)
    del found["unmatched"]
    return found
