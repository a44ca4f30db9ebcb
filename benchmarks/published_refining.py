"""Test-time message passing as the published evaluation goes about it: image by image. A peer for `evaluation.py`.

Written from the description of the method. It measures nothing by itself.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from gnn_dml.models import Refiner


def published_neighbourhoods(features: Tensor, neighbours: int = 6, k1: int = 30) -> list[list[int]]:
    """The k-reciprocal neighbourhood of every image, itself first.

    The whole matrix of distances is made and every row of it sorted; then each image is looked at by itself.

    Args:
        features: L2-normalised (N, D), on the CPU.
        neighbours: How many images join an image.
        k1: Length of the lists of nearest images, the image itself not counted.
    """
    squares = features.pow(2).sum(dim=1)
    distance = torch.addmm(squares[:, None] + squares, features, features.T, alpha=-2).numpy()
    order = np.argsort(distance, axis=1)
    small = round(k1 / 2)
    groups = []
    for image in range(len(order)):
        own = _reciprocal(order, image, k1)
        union = own
        for candidate in own:
            theirs = _reciprocal(order, candidate, small)
            if 3 * len(np.intersect1d(theirs, own)) > 2 * len(theirs):
                union = np.append(union, theirs)
        union = np.unique(union)
        nearest = union[np.argsort(distance[image, union])][: neighbours + 1].tolist()
        rank = 0
        while len(nearest) <= neighbours:
            if order[image, rank] not in nearest:
                nearest.append(int(order[image, rank]))
            rank += 1
        groups.append(nearest)
    return groups


@torch.no_grad()
def published_refine(refiner: Refiner, features: Tensor, groups: Sequence[Sequence[int]]) -> Tensor:
    """Refine one complete graph after the other, each of all its nodes, and keep the first node: (N, D')."""
    refined = []
    for group in groups:
        nodes = torch.arange(len(group))
        edges = torch.stack([nodes.repeat(len(group)), nodes.repeat_interleave(len(group))])
        refined.append(refiner(features[list(group)], edges).features[-1][0])
    return torch.stack(refined)


def _reciprocal(order: np.ndarray, image: int, k: int) -> np.ndarray:
    """Those of an image's k + 1 nearest that have it among their own."""
    forward = order[image, : k + 1]
    return forward[np.where(order[forward, : k + 1] == image)[0]]
