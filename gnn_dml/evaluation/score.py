"""All figures of one embedding."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from torch import Tensor

from gnn_dml.metrics import clustering, retrieval


def score_embedding(
    x: Tensor,
    labels: Tensor,
    query: Tensor | None = None,
    *,
    ks: Sequence[int] = (1, 2, 4, 8),
    metric: Literal["cosine", "euclidean"] = "cosine",
    cluster_seed: int | None = None,
    restarts: int = 1,
) -> dict[str, float]:
    """Retrieval and clustering metrics.

    Args:
        x: Embeddings (N, D).
        labels: long (N,).
        query: bool (N,), which of them are looked up in the gallery that the others make; None where each is looked up
            among all others. Clustering takes all together.
        ks: The K of Recall@K.
        metric: What near means for retrieval.
        cluster_seed: Seed of k-means for NMI and AMI, which take most of the time; None leaves them out.
        restarts: Of k-means.

    Returns:
        As `gnn_dml.metrics.retrieval` and `gnn_dml.metrics.clustering` name them.

    Raises:
        ValueError: If an embedding is not finite.
    """
    if query is None:
        found = retrieval(x, labels, ks=ks, metric=metric)
    else:
        found = retrieval(
            x[query], labels[query], gallery=x[~query], gallery_labels=labels[~query], ks=ks, metric=metric
        )
    return found if cluster_seed is None else {**found, **clustering(x, labels, seed=cluster_seed, restarts=restarts)}
