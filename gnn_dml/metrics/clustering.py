"""Clustering metrics: k-means with as many clusters as classes, compared with the labels."""

from __future__ import annotations

import numpy as np
from torch.nn.functional import normalize

from gnn_dml.metrics.kmeans import Backend, kmeans
from gnn_dml.metrics.retrieval import Array, check_arrays


def clustering(
    embeddings: Array, labels: Array, *, seed: int, restarts: int = 1, backend: Backend = "auto"
) -> dict[str, float]:
    """NMI and AMI of a k-means clustering of the L2-normalised embeddings.

    Two libraries, or two seeds, find two clusterings: compare numbers of one backend only. Which one "auto" takes
    depends on the size alone as long as faiss is installed; see `gnn_dml.metrics.kmeans.choose_backend`.

    Args:
        embeddings: (N, D), finite.
        labels: (N,).
        seed: Of k-means.
        restarts: How often k-means starts anew; the tightest clustering counts.
        backend: "faiss", "scikit-learn" or "auto".

    Returns:
        `nmi` (arithmetic mean in the denominator, as in the published code) and `ami`, which corrects for chance:
        NMI rises with the number of clusters even on noise.

    Raises:
        ValueError: If an embedding is not finite, shapes do not fit, restarts is below 1, or the backend is unknown or
            not installed.

    Example:
        >>> x = np.array([[1.0, 0.0], [0.9, 0.1], [0.0, 1.0], [0.1, 0.9]])
        >>> clustering(x, np.array([0, 0, 1, 1]), seed=0)
        {'nmi': 1.0, 'ami': 1.0}
    """
    from sklearn.metrics import adjusted_mutual_info_score, normalized_mutual_info_score

    tensor, classes = check_arrays("embeddings", embeddings, labels)
    x, y = normalize(tensor.float(), dim=1).cpu().numpy(), classes.cpu().numpy()
    clusters = kmeans(x, len(np.unique(y)), seed=seed, restarts=restarts, backend=backend)
    return {
        "nmi": float(normalized_mutual_info_score(y, clusters)),
        "ami": float(adjusted_mutual_info_score(y, clusters)),
    }
