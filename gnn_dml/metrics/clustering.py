"""Clustering metrics: k-means with as many clusters as classes, compared with the labels."""

from __future__ import annotations

import math

import numpy as np

from gnn_dml.metrics.kmeans import Backend, check_kmeans, kmeans
from gnn_dml.metrics.retrieval import Array, check_arrays
from gnn_dml.metrics.scale import centre_rows, directions


def clustering(
    embeddings: Array,
    labels: Array,
    *,
    seed: int,
    restarts: int = 1,
    backend: Backend = "auto",
    normalize: bool = True,
) -> dict[str, float]:
    """NMI and AMI of a k-means clustering of the embeddings, L2-normalised unless they are to be taken as they are.

    Two libraries, or two seeds, find two clusterings: compare numbers of one backend only. Which one "auto" takes
    depends on the size alone as long as faiss is installed; see `gnn_dml.metrics.kmeans.choose_backend`.

    Args:
        embeddings: (N, D), finite.
        labels: (N,).
        seed: Of k-means.
        restarts: How often k-means starts anew; the tightest clustering counts.
        backend: "faiss", "scikit-learn" or "auto".
        normalize: Whether rows are divided by their length first, as the published code does. If not, they are
            clustered by their Euclidean distances, as pytorch-metric-learning does with what it is given; neither the
            unit nor an offset of all of them makes a difference.

    Returns:
        `nmi` (arithmetic mean in the denominator, as in the published code) and `ami`, which corrects for chance:
        NMI rises with the number of clusters even on noise. NaN where there is one class, or no two embeddings of one:
        then every clustering of as many clusters is right.

    Raises:
        ValueError: If an embedding is not finite, a label no whole number, shapes do not fit, restarts is below 1, or
            the backend is unknown or not installed.

    Example:
        >>> x = np.array([[1.0, 0.0], [0.9, 0.1], [0.0, 1.0], [0.1, 0.9]])
        >>> clustering(x, np.array([0, 0, 1, 1]), seed=0)
        {'nmi': 1.0, 'ami': 1.0}
        >>> clustering([[1.0], [1.1], [3.0], [3.1]], [0, 0, 1, 1], seed=0, normalize=False)["nmi"]
        1.0
    """
    from sklearn.metrics import adjusted_mutual_info_score, normalized_mutual_info_score

    tensor, classes = check_arrays("embeddings", embeddings, labels)
    check_kmeans(restarts, backend)
    y = classes.cpu().numpy()
    count = len(np.unique(y))
    if count < 2 or count == len(y):
        return {"nmi": math.nan, "ami": math.nan}
    points = directions(tensor) if normalize else centre_rows(tensor)
    clusters = kmeans(points.cpu().numpy(), count, seed=seed, restarts=restarts, backend=backend)
    return {
        "nmi": float(normalized_mutual_info_score(y, clusters)),
        "ami": float(adjusted_mutual_info_score(y, clusters)),
    }
