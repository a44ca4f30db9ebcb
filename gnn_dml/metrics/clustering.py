"""Clustering metrics: k-means with as many clusters as classes, compared with the labels."""

from __future__ import annotations

import numpy as np
import torch
from torch.nn.functional import normalize

from gnn_dml.metrics.retrieval import Array


def clustering(embeddings: Array, labels: Array, *, seed: int, restarts: int = 1) -> dict[str, float]:
    """NMI and AMI of a k-means clustering of the L2-normalised embeddings.

    Args:
        embeddings: (N, D), finite.
        labels: (N,).
        seed: Of k-means.
        restarts: How often k-means starts anew; the tightest clustering counts.

    Returns:
        `nmi` (arithmetic mean in the denominator, as in the published code) and `ami`, which corrects for chance:
        NMI rises with the number of clusters even on noise.

    Raises:
        ValueError: If an embedding is not finite, shapes do not fit, or restarts is below 1 (scikit-learn says which).
    """
    from sklearn.cluster import KMeans
    from sklearn.metrics import adjusted_mutual_info_score, normalized_mutual_info_score

    x = normalize(torch.as_tensor(embeddings).float(), dim=1).cpu().numpy()
    y = torch.as_tensor(labels).cpu().numpy()
    clusters = KMeans(len(np.unique(y)), n_init=restarts, random_state=seed).fit_predict(x)
    return {
        "nmi": float(normalized_mutual_info_score(y, clusters)),
        "ami": float(adjusted_mutual_info_score(y, clusters)),
    }
