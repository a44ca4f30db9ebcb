"""The metrics of embeddings, under the names that the columns of a row have."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal

import torch
from torch import Tensor

from gnn_dml.data.images import ImageSplit
from gnn_dml.evaluation.embed import Embeddings
from gnn_dml.evaluation.query_mask import check_query
from gnn_dml.metrics import clustering, retrieval, retrieval_by_query


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
    normalize: bool = True,
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
        normalize: Whether k-means is of the L2-normalised embeddings, see `gnn_dml.metrics.clustering`.

    Returns:
        As `gnn_dml.metrics.retrieval` and `gnn_dml.metrics.clustering` name them.

    Raises:
        ValueError: If an embedding is not finite, or `query` or the labels are of other images.

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
        check_query(query, len(x), labels)
        found = retrieval(
            x[query], labels[query], gallery=x[~query], gallery_labels=labels[~query], ks=ks, metric=metric, more=more
        )
    if cluster_seed is None:
        return found
    return {**found, **clustering(x, labels, seed=cluster_seed, restarts=restarts, normalize=normalize)}


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
    return score_by_class(embeddings, split, ks=ks, cluster_seed=cluster_seed)[0]


def score_by_class(
    embeddings: Embeddings,
    split: ImageSplit,
    *,
    ks: Sequence[int] = (1, 2, 4, 8),
    cluster_seed: int | None = None,
) -> tuple[dict[str, float | None], dict[str, Tensor]]:
    """As `score`, and what each class of the split has in it.

    Returns:
        The metrics as `score` gives them, and for every class (C,) the number of queries that can be answered, as
        `queries`, and the mean over these of every metric of retrieval, NaN where there are none. The metrics of
        retrieval are the means of the classes, weighted by `queries`.
    """
    out: dict[str, float | None] = {}
    classes: dict[str, Tensor] = {}
    there = {"backbone": embeddings.backbone, "expanded": embeddings.expanded, "refined": embeddings.refined}
    for branch, x in there.items():
        if x is None:
            if branch == "refined":
                out |= {
                    f"refined_{name.removeprefix('backbone_')}": None for name in out if name.startswith("backbone_")
                }
            continue
        by_query = _by_query(x, split, ks)
        clusters = {} if cluster_seed is None else clustering(x, split.labels, seed=cluster_seed)
        means = {name: float(values.nanmean()) for name, values in by_query.items()}
        out |= {f"{branch}_{name}": value for name, value in {**means, **clusters}.items()}
        queries, by_class = _by_class(by_query, split)
        classes |= {"queries": queries, **{f"{branch}_{name}": values for name, values in by_class.items()}}
    return out, classes


def _by_query(x: Tensor, split: ImageSplit, ks: Sequence[int]) -> dict[str, Tensor]:
    labels, query = split.labels, split.query
    if query is None:
        return retrieval_by_query(x, labels, ks=ks)
    return retrieval_by_query(x[query], labels[query], gallery=x[~query], gallery_labels=labels[~query], ks=ks)


def _by_class(by_query: Mapping[str, Tensor], split: ImageSplit) -> tuple[Tensor, dict[str, Tensor]]:
    """The number of queries of each class that have an answer (C,), and the means over them."""
    labels = split.labels if split.query is None else split.labels[split.query]
    answered = ~next(iter(by_query.values())).isnan().cpu()
    labels = labels.cpu()[answered]
    queries = labels.bincount(minlength=split.num_classes)
    zeros = torch.zeros(split.num_classes, dtype=torch.float64)
    return queries, {
        name: zeros.index_add(0, labels, values.cpu()[answered]) / queries for name, values in by_query.items()
    }
