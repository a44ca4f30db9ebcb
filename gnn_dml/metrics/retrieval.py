"""Exact retrieval metrics: Recall@K, MAP@R and R-precision.

Legend: Q queries, G gallery items, D channels, R items of the query's class in the gallery.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.nn.functional import normalize

Array = Tensor | npt.NDArray[np.generic]

BLOCK_ENTRIES = 2**24
"""Similarities held at once: 64 MiB in float32, and a few times that while a block is sorted."""


def retrieval(
    embeddings: Array,
    labels: Array,
    *,
    gallery: Array | None = None,
    gallery_labels: Array | None = None,
    ks: Sequence[int] = (1, 2, 4, 8),
) -> dict[str, float]:
    """Rank the gallery for every query by cosine similarity and score the ranking.

    Without a gallery every item is ranked against all others; the item itself is left out by index. Equal similarities
    are ordered by gallery index, lower first, on every device. A query whose class has no other item in the gallery
    cannot be answered: it is left out of every mean and counted in `unmatched`.

    * recall@k: the share of queries with an item of their class among the first k.
    * r_precision: the share of such items among the first R.
    * map@r: mean over the first R ranks of precision at a rank where it holds such an item, else 0 ("A Metric Learning
      Reality Check", ECCV 2020, section 2.2).

    Args:
        embeddings: Queries (Q, D), not all zero; need not be normalised.
        labels: (Q,), whole numbers.
        gallery: (G, D), or None for all against all.
        gallery_labels: (G,), given with and only with `gallery`.
        ks: The K of recall@K, each at least 1.

    Returns:
        `recall@k` for each k, `map@r`, `r_precision`: fractions in [0, 1], NaN if no query can be answered; and
        `unmatched`, a number of queries.

    Raises:
        ValueError: If shapes do not fit, a k is below 1, or an embedding has a value that is not finite.
    """
    queries, query_labels = _checked("embeddings", embeddings, labels)
    own = gallery is None
    if own != (gallery_labels is None):
        raise ValueError("gallery and gallery_labels go together: one was given and the other not")
    if gallery is None or gallery_labels is None:
        items, item_labels = queries, query_labels
    else:
        items, item_labels = _checked("gallery", gallery, gallery_labels)
        items, item_labels = items.to(queries.device), item_labels.to(queries.device)
    if items.size(1) != queries.size(1):
        raise ValueError(f"embeddings have {queries.size(1)} channels and the gallery has {items.size(1)}")
    for k in ks:
        if k < 1:
            raise ValueError(f"every k of recall@k must be at least 1, and {k} is not")
    scores = _score(queries, query_labels, items, item_labels, own=own, ks=ks)
    answered = scores["relevant"] > 0
    out = {name: float(values[answered].mean()) for name, values in scores.items() if name != "relevant"}
    return {**out, "unmatched": float((~answered).sum())}


def _checked(name: str, embeddings: Array, labels: Array) -> tuple[Tensor, Tensor]:
    x, y = torch.as_tensor(embeddings), torch.as_tensor(labels)
    if x.dim() != 2 or y.shape != x.shape[:1]:
        raise ValueError(
            f"{name} must have the shape (n, d) and their labels (n,), not {tuple(x.shape)} and {tuple(y.shape)}"
        )
    finite = torch.isfinite(x).all(dim=1)
    if not bool(finite.all()):
        bad = (~finite).nonzero().squeeze(1)
        raise ValueError(f"{len(bad)} of {len(x)} {name} hold NaN or infinity; the first is row {int(bad[0])}")
    return normalize(x.float(), dim=1), y.to(x.device)


@torch.no_grad()
def _score(
    queries: Tensor, query_labels: Tensor, items: Tensor, item_labels: Tensor, *, own: bool, ks: Sequence[int]
) -> dict[str, Tensor]:
    """Per query, on the CPU in float64: each metric, and `relevant`, R."""
    blocks: list[dict[str, Tensor]] = []
    step = max(1, BLOCK_ENTRIES // max(1, len(items)))
    for start in range(0, len(queries), step):
        rows = slice(start, start + step)
        similarity = queries[rows] @ items.T
        if own:
            index = torch.arange(len(similarity), device=similarity.device)
            similarity[index, index + start] = -2.0  # below every cosine: the item itself comes last
        order = similarity.argsort(dim=1, descending=True, stable=True)
        hits = item_labels[order] == query_labels[rows, None]
        if own:
            hits = hits[:, :-1]
        blocks.append({name: values.cpu().double() for name, values in _rank_scores(hits, ks).items()})
    return {name: torch.cat([block[name] for block in blocks]) for name in blocks[0]}


def _rank_scores(hits: Tensor, ks: Sequence[int]) -> dict[str, Tensor]:
    """The metrics of ranked hits: boolean (Q, G), best rank first."""
    relevant = hits.sum(dim=1)
    rank = torch.arange(1, hits.size(1) + 1, device=hits.device)
    within = hits & (rank <= relevant[:, None])
    found = within.cumsum(dim=1)
    r = relevant.clamp(min=1).to(torch.float32 if hits.device.type == "mps" else torch.float64)
    out = {f"recall@{k}": hits[:, :k].any(dim=1) for k in ks}
    out["map@r"] = (torch.where(within, found, 0) / rank).to(r.dtype).sum(dim=1) / r
    out["r_precision"] = within.sum(dim=1) / r
    out["relevant"] = relevant
    return out
