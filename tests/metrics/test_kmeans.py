import numpy as np
import pytest

from gnn_dml.metrics import choose_backend
from gnn_dml.metrics import kmeans as module
from gnn_dml.metrics.kmeans import kmeans

BACKENDS = ("faiss", "scikit-learn")


def groups(n=120, clusters=4, dim=6):
    rng = np.random.default_rng(0)
    labels = np.arange(n) % clusters
    centres = 5 * np.eye(clusters, dim)
    return (centres[labels] + 0.1 * rng.standard_normal((n, dim))).astype(np.float32), labels


def same_partition(a, b):
    a, b = a.tolist(), b.tolist()
    return len(set(zip(a, b, strict=True))) == len(set(a)) == len(set(b))


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("large", [1, 10**7])
def test_separated_groups_are_found(backend, large, monkeypatch):
    """Both ways of scikit-learn: the usual start, and random points as for large data; the restarts find all groups."""
    monkeypatch.setattr("gnn_dml.metrics.kmeans.LARGE", large)
    x, labels = groups()
    assert same_partition(kmeans(x, 4, seed=0, restarts=12, backend=backend), labels)


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("large", [1, 10**7])
def test_the_seed_decides(backend, large, monkeypatch):
    monkeypatch.setattr("gnn_dml.metrics.kmeans.LARGE", large)
    x = np.random.default_rng(1).standard_normal((200, 5)).astype(np.float32)
    found = [kmeans(x, 9, seed=seed, restarts=1, backend=backend).tolist() for seed in (3, 3, 4)]
    assert found[0] == found[1] != found[2]


@pytest.mark.parametrize("backend", BACKENDS)
def test_the_tightest_of_several_counts(backend, monkeypatch):
    monkeypatch.setattr("gnn_dml.metrics.kmeans.LARGE", 1)
    x = np.random.default_rng(2).standard_normal((150, 4)).astype(np.float32)

    def spread(labels):
        return sum(((x[labels == c] - x[labels == c].mean(0)) ** 2).sum() for c in set(labels.tolist()))

    single = [spread(kmeans(x, 8, seed=seed, restarts=1, backend=backend)) for seed in range(4)]
    assert spread(kmeans(x, 8, seed=0, restarts=4, backend=backend)) == pytest.approx(min(single), rel=0.02)


def test_small_data_have_the_same_backend_whatever_is_installed(processes):
    assert choose_backend(5924, 100) == "scikit-learn"
    assert choose_backend(60502, 11316) == "faiss"
    code = (
        "import sys; sys.modules['faiss'] = None  # as if it were not installed\n"
        "from gnn_dml.metrics import choose_backend as choose\n"
        "print(choose(5924, 100), choose(60502, 11316))"
    )
    done = processes.run("-c", code)
    assert done.stdout.split() == ["scikit-learn", "scikit-learn"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"backend": "spark"}, "auto, faiss, scikit-learn, not 'spark'"),
        ({"restarts": 0}, "restarts must be at least 1, not 0"),
    ],
)
def test_wrong_arguments_are_named(arguments, message):
    with pytest.raises(ValueError, match=message):
        module.kmeans(groups()[0], 4, **{"seed": 0, "restarts": 1, "backend": "auto", **arguments})


def test_stopping_where_nothing_moves_changes_nothing(monkeypatch):
    """Against all iterations in a plain loop of faiss."""
    import faiss

    monkeypatch.setattr("gnn_dml.metrics.kmeans.LARGE", 1)
    x = np.random.default_rng(3).standard_normal((150, 4)).astype(np.float32)
    centroids = None
    for i in range(module.ITERATIONS):
        once = faiss.Kmeans(4, 30, niter=1, seed=5 + i, min_points_per_centroid=1, max_points_per_centroid=150)
        once.train(x, init_centroids=centroids)
        centroids = once.centroids
    expected = once.index.search(x, 1)[1][:, 0]
    assert kmeans(x, 30, seed=5, restarts=1, backend="faiss").tolist() == expected.tolist()
