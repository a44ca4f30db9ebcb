"""k-means by the libraries that do it: scikit-learn for small data, faiss for large.

Legend: N points, D channels, C clusters.
"""

from __future__ import annotations

import warnings
from importlib.util import find_spec
from typing import Any, Literal, get_args

import numpy as np
import numpy.typing as npt
from tqdm import tqdm

Backend = Literal["auto", "faiss", "scikit-learn"]

LARGE = 10**7
"""N x C from which on scikit-learn starts from random points and stops after `ITERATIONS`, and "auto" prefers faiss."""

ITERATIONS = 25
"""Of a large clustering, as is faiss's own default."""

STEP = 5
"""Iterations of a large clustering by scikit-learn between two moves of the bar."""

Points = npt.NDArray[np.float32]


def choose_backend(points: int, clusters: int, backend: Backend = "auto") -> str:
    """The library that clusters: "faiss" or "scikit-learn".

    "auto" is scikit-learn where N x C is below `LARGE`, whatever is installed, so that small studies have the same
    numbers everywhere; above, faiss if it is installed.

    Raises:
        ValueError: If the name is unknown, or faiss was asked for and is not installed.
    """
    if backend not in get_args(Backend):
        raise ValueError(f"backend must be one of {', '.join(get_args(Backend))}, not {backend!r}")
    installed = find_spec("faiss") is not None
    if backend == "faiss" and not installed:
        raise ValueError("backend='faiss' needs faiss: pip install faiss-cpu, or faiss-gpu with CUDA")
    if backend == "auto":
        return "faiss" if points * clusters >= LARGE and installed else "scikit-learn"
    return backend


def kmeans(x: Points, clusters: int, *, seed: int, restarts: int, backend: Backend) -> npt.NDArray[np.int64]:
    """Cluster points; large clusterings have a progress bar.

    Args:
        x: float32 (N, D).
        clusters: C.
        seed: Of the starting points; restart r has the seed `seed` + r with faiss and on large data.
        restarts: How often it starts anew; the tightest clustering counts.
        backend: See `choose_backend`.

    Returns:
        The cluster of each point (N,).

    Raises:
        ValueError: As in `choose_backend`; if restarts is below 1.
    """
    check_kmeans(restarts, backend)
    with warnings.catch_warnings():
        # Where points are equal there are fewer clusters than were asked for; the metrics show what that is worth.
        warnings.simplefilter("ignore", category=UserWarning)  # scikit-learn's ConvergenceWarning is one
        return _clusters(x, clusters, seed=seed, restarts=restarts, backend=backend)


def check_kmeans(restarts: int, backend: Backend) -> None:
    """Refuse what `kmeans` cannot do.

    Raises:
        ValueError: As in `choose_backend`; if restarts is below 1.
    """
    choose_backend(0, 0, backend)
    if restarts < 1:
        raise ValueError(f"restarts must be at least 1, not {restarts}")


def _clusters(x: Points, clusters: int, *, seed: int, restarts: int, backend: Backend) -> npt.NDArray[np.int64]:
    if choose_backend(len(x), clusters, backend) == "faiss":
        return _tightest([_by_faiss(x, clusters, seed + r) for r in range(restarts)])
    from sklearn.cluster import KMeans

    if len(x) * clusters < LARGE:
        with warnings.catch_warnings():
            # That fewer points than clusters differ is no fault of the clustering: they are in as many as there are.
            warnings.simplefilter("ignore")
            labels: npt.NDArray[np.int64] = KMeans(clusters, n_init=restarts, random_state=seed).fit_predict(x)
        return labels
    return _tightest([_by_scikit_learn(x, clusters, seed + r) for r in range(restarts)])


def _tightest(found: list[tuple[float, npt.NDArray[np.int64]]]) -> npt.NDArray[np.int64]:
    return min(found, key=lambda one: one[0])[1]


def _by_faiss(x: Points, clusters: int, seed: int) -> tuple[float, npt.NDArray[np.int64]]:
    """Sum of squared distances and clusters, after one iteration at a time so that a bar can move.

    Many clusters of few points settle after a few of them.
    """
    import faiss

    gpus = faiss.get_num_gpus() if hasattr(faiss, "get_num_gpus") else 0
    x = np.ascontiguousarray(x)
    centroids: Any = None
    with _bar(len(x), clusters) as bar:
        for iteration in range(ITERATIONS):
            once = faiss.Kmeans(
                x.shape[1],
                clusters,
                niter=1,
                seed=seed + iteration,
                gpu=gpus > 0,
                min_points_per_centroid=1,
                max_points_per_centroid=len(x),
            )
            once.train(x, init_centroids=centroids)
            settled = centroids is not None and bool((centroids == once.centroids).all())
            centroids = once.centroids
            bar.update(1)
            if settled:  # further iterations would change nothing
                break
    distances, labels = once.index.search(x, 1)
    return float(distances.sum()), labels[:, 0].astype(np.int64)


def _by_scikit_learn(x: Points, clusters: int, seed: int) -> tuple[float, npt.NDArray[np.int64]]:
    """Likewise, from random points: the usual start costs more than the clustering when there are many clusters."""
    from sklearn.cluster import KMeans

    start: Any = "random"
    with _bar(len(x), clusters) as bar:
        for _ in range(ITERATIONS // STEP):
            fitted = KMeans(clusters, init=start, n_init=1, max_iter=STEP, random_state=seed).fit(x)
            start = fitted.cluster_centers_
            bar.update(STEP)
    return float(fitted.inertia_), fitted.labels_.astype(np.int64)


def _bar(points: int, clusters: int) -> Any:
    return tqdm(
        total=ITERATIONS,
        desc=f"k-means, {clusters} clusters",
        unit="iteration",
        disable=points * clusters < LARGE or None,
    )
