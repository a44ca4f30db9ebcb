"""Which images make the graph of each test image.

Legend: N images, D channels, m neighbours, n = m + 1 nodes of a neighbourhood.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

import torch
from torch import Tensor

from gnn_dml.evaluation.reciprocal import Lists, reciprocal_items
from gnn_dml.metrics.ranking.nearest import most_neighbours, nearest_items, nearest_neighbours
from gnn_dml.metrics.ranking.space import Space, make_space


class Neighbourhoods(Protocol):
    """A rule by which each image gets its neighbours."""

    def __call__(self, features: Tensor, *, query: Tensor | None = None) -> Tensor:
        """The images of each image's graph, itself first.

        Args:
            features: (N, D); they are compared by cosine, which orders as Euclidean distance of normalised rows does.
            query: bool (N,), which images are queries: they join no other image. None if there is no gallery apart.

        Returns:
            Indices (N, n), no image twice in a row; n is smaller where there are not as many images.

        Raises:
            ValueError: If a row holds NaN or infinity, which is near to nothing.
        """
        ...


class NearestNeighbourhoods:
    """An image and its most similar others; ties go to the lower index.

    Args:
        neighbours: m; at 0 every image is alone.

    Raises:
        ValueError: If it is below 0.
    """

    def __init__(self, neighbours: int) -> None:
        self.neighbours = _at_least("neighbours", neighbours, 0)

    def __call__(self, features: Tensor, *, query: Tensor | None = None) -> Tensor:
        """See `Neighbourhoods`."""
        _check_finite(features)
        m = min(self.neighbours, most_neighbours(len(features), query))
        if m == 0:
            return _alone(features)
        return _itself_first(nearest_neighbours(features, m, query=query))

    def __repr__(self) -> str:
        return f"NearestNeighbourhoods({self.neighbours})"

    def __str__(self) -> str:
        return f"each image and its {self.neighbours} nearest" if self.neighbours else "each image alone"


class ReciprocalNeighbourhoods:
    """An image and its nearest k-reciprocal neighbours, as in the published evaluation.

    An image's forward list is itself and its k1 nearest. Its reciprocal set holds those of the list whose own list has
    the image. Each member's smaller reciprocal set, of lists with round(k1 / 2) others, joins if more than 2/3 of it
    lies in the image's set. The m nearest of the union are the neighbours, and if they are too few, the nearest images
    that are not in it.

    Where queries and gallery are apart, a query's forward list are its k1 + 1 nearest images of the gallery, of which
    those are reciprocal that have it among their k1 + 1 nearest queries; the small sets that join are those of the
    gallery alone. The published code leaves it at the queries. Here the images of the gallery are refined too, so that
    all embeddings are of one kind: each in its neighbourhood among the gallery alone.

    Ties go to the lower index, but an image is the nearest to itself whatever its duplicates. Lists are shorter where
    there are not as many images; neighbours are as many as the lists allow.

    Args:
        neighbours: m; 6 in the published code, 3 for In-Shop; at 0 every image is alone.
        k1: Length of the lists.

    Raises:
        ValueError: If there are to be fewer than 0 neighbours, or lists of nothing.
    """

    def __init__(self, neighbours: int = 6, k1: int = 30) -> None:
        self.neighbours = _at_least("neighbours", neighbours, 0)
        self.k1 = _at_least("k1", k1, 1)

    @torch.no_grad()
    def __call__(self, features: Tensor, *, query: Tensor | None = None) -> Tensor:
        """See `Neighbourhoods`."""
        _check_finite(features)
        m = min(self.neighbours, most_neighbours(len(features), query))
        if m == 0:
            return _alone(features)
        if query is None:
            return self._among_all(make_space(features, features, "cosine", own=True), m)[1]
        query = query.to(features.device)
        gallery, asked = (~query).nonzero().squeeze(1), query.nonzero().squeeze(1)
        items, queries = features[gallery], features[asked]
        near, among_gallery = self._among_all(make_space(items, items, "cosine", own=True), m)
        found = torch.empty(len(features), m + 1, dtype=torch.long, device=features.device)
        found[gallery] = gallery[among_gallery]
        found[asked, 0] = asked
        space = make_space(queries, items, "cosine", own=False)
        turned = make_space(items, queries, "cosine", own=False)
        found[asked, 1:] = gallery[self._of_queries(space, turned, near, m)]
        return found

    def _among_all(self, space: Space, m: int) -> tuple[Tensor, Tensor]:
        """The lists of the small sets, and the neighbourhoods (N, m + 1), itself first in both."""
        others = max(0, len(space.items) - 1)
        forward = _itself_first(nearest_items(space, min(max(self.k1, m), others)))
        near = forward[:, : round(self.k1 / 2) + 1]
        k = min(self.k1 + 1, forward.size(1))
        return near, reciprocal_items(space, Lists(forward, forward[:, :k], near, k), m + 1)

    def _of_queries(self, space: Space, turned: Space, near: Tensor, m: int) -> Tensor:
        """The neighbours (Q, m) of each query in the gallery."""
        forward = nearest_items(space, min(max(self.k1 + 1, m), len(space.items)))
        backward = nearest_items(turned, min(self.k1 + 1, len(turned.items)))
        return reciprocal_items(space, Lists(forward, backward, near, min(self.k1 + 1, forward.size(1))), m)

    def __repr__(self) -> str:
        return f"ReciprocalNeighbourhoods({self.neighbours}, k1={self.k1})"

    def __str__(self) -> str:
        if not self.neighbours:
            return "each image alone"
        return f"each image and {self.neighbours} of its reciprocal neighbours (k1={self.k1})"


NEIGHBOURHOODS: dict[str, Callable[[int], Neighbourhoods]] = {
    "nearest": NearestNeighbourhoods,
    "reciprocal": ReciprocalNeighbourhoods,
}
"""What `protocol.neighbourhood` may say; each is called with `protocol.neighbours`."""


def _at_least(name: str, value: int, least: int) -> int:
    if value < least:
        raise ValueError(f"{name} must be at least {least}, not {value}")
    return value


def _check_finite(features: Tensor) -> None:
    """NaN would be counted as the largest similarity of all, and be everybody's neighbour."""
    bad = ~torch.isfinite(features).all(dim=1)
    if bool(bad.any()):
        first = int(bad.nonzero()[0])
        raise ValueError(f"{int(bad.sum())} of {len(bad)} features hold NaN or infinity; the first is row {first}")


def _alone(features: Tensor) -> Tensor:
    """Neighbourhoods (N, 1) of nobody but the image itself."""
    return torch.arange(len(features), device=features.device)[:, None]


def _itself_first(others: Tensor) -> Tensor:
    """Indices (N, m) of others to (N, m + 1)."""
    return torch.cat([torch.arange(len(others), device=others.device)[:, None], others], dim=1)
