"""The metrics of embeddings, under the names that the columns of a row have."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from torch import Tensor

from gnn_dml.data.images import ImageSplit
from gnn_dml.evaluation.embed import Embeddings
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
    more: Sequence[str] = (),
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
        more: Other metrics of retrieval, as `gnn_dml.metrics.retrieval` names them.

    Returns:
        As `gnn_dml.metrics.retrieval` and `gnn_dml.metrics.clustering` name them.

    Raises:
        ValueError: If an embedding is not finite.

    Example:
        >>> import torch
        >>> x = torch.tensor([[1.0, 0.0], [0.9, 0.1], [0.0, 1.0], [0.1, 0.9]])
        >>> found = score_embedding(x, torch.tensor([0, 0, 1, 1]), ks=(1,), cluster_seed=0)
        >>> found["recall@1"], found["map@r"], found["nmi"]
        (1.0, 1.0, 1.0)
    """
    if query is None:
        found = retrieval(x, labels, ks=ks, metric=metric, more=more)
    else:
        found = retrieval(
            x[query], labels[query], gallery=x[~query], gallery_labels=labels[~query], ks=ks, metric=metric, more=more
        )
    return found if cluster_seed is None else {**found, **clustering(x, labels, seed=cluster_seed, restarts=restarts)}


def score(
    embeddings: Embeddings,
    split: ImageSplit,
    *,
    ks: Sequence[int] = (1, 2, 4, 8),
    cluster_seed: int | None = None,
) -> dict[str, float | None]:
    """Metrics of every embedding, as `backbone_recall@1`, `expanded_map@r`, `refined_map@r` and so on.

    Args:
        embeddings: Of one set of weights.
        split: Their labels, and where queries are looked up in a gallery, which images are queries. Clustering takes
            all images together.
        ks: The K of Recall@K.
        cluster_seed: Seed of k-means for NMI and AMI, which take most of the time; None leaves them out.

    Returns:
        Fractions in [0, 1]; None in every `refined_` entry where there is no refined embedding. The `expanded_` ones
        are there where there is an expanded embedding.
    """
    measured = _score_one(embeddings.backbone, split, ks, cluster_seed)
    out: dict[str, float | None] = {f"backbone_{name}": value for name, value in measured.items()}
    if embeddings.expanded is not None:
        expanded = _score_one(embeddings.expanded, split, ks, cluster_seed)
        out |= {f"expanded_{name}": value for name, value in expanded.items()}
    if embeddings.refined is None:
        return {**out, **{f"refined_{name}": None for name in measured}}
    refined = _score_one(embeddings.refined, split, ks, cluster_seed)
    return {**out, **{f"refined_{name}": value for name, value in refined.items()}}


def _score_one(x: Tensor, split: ImageSplit, ks: Sequence[int], cluster_seed: int | None) -> dict[str, float]:
    found = score_embedding(x, split.labels, split.query, ks=ks, cluster_seed=cluster_seed)
    del found["unmatched"]
    return found
