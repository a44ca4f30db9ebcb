"""Retrieval metrics against a loop over queries, against pytorch-metric-learning, scikit-learn and faiss."""

import math
import sys

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from gnn_dml.metrics import retrieval

KINDS = ("random", "tied", "copies", "same")
# Small enough that a few dozen points use several blocks, samples, groups, and every way to answer a query.
SIZES = {
    "gnn_dml.metrics.ranking.space.BLOCK": (8, 16, 1024),
    "gnn_dml.metrics.ranking.space.MANY": (20, 2**14),
    "gnn_dml.metrics.ranking.products.KEPT": (0, 2**11, 2**26),
    "gnn_dml.metrics.ranking.products.SMALL": (2, 256),
    "gnn_dml.metrics.ranking.negative_counts.SAMPLE": (4, 16, 1024),
    "gnn_dml.metrics.ranking.negative_counts.CANDIDATES": (64, 2**24),
    "gnn_dml.metrics.ranking.negative_counts.MOST_EXACT": (0, 3, 1024),
    "gnn_dml.metrics.ranking.negative_counts.AT_ONCE": (1, 16),
    "gnn_dml.metrics.retrieval.MOST_POSITIVES": (2, 5, 256),
    "gnn_dml.metrics.retrieval.MOST_PAIRS": (50, 2**25),
}
sizes = st.fixed_dictionaries({name: st.sampled_from(values) for name, values in SIZES.items()})


def slow_scores(x, items, metric):
    """Float64 scores of all items for one query, on a grid coarse enough that equal ones are equal."""
    found = (x * items).sum(1) if metric == "cosine" else -((x - items) ** 2).sum(1) / 2
    return (found * 2**30).round().tolist()


def prepared(x, metric):
    """Float32 as the metrics see it, in float64."""
    x = x.double()
    if metric == "cosine":
        x = (x / x.norm(dim=1, keepdim=True).clamp(min=1e-300)).float().double()
    return x


def slow(x, y, gallery=None, gallery_labels=None, ks=(1, 2, 4), metric="cosine", leave_out=False):
    """Rank everything for one query at a time; ties by index; unanswerable queries left out."""
    own = gallery is None
    x = prepared(x, metric)
    items, item_labels = (x, y) if own else (prepared(gallery, metric), gallery_labels)
    sums, answered = {}, 0
    for i in range(len(x)):
        found = slow_scores(x[i], items, metric)
        ranked = sorted((-found[j], j) for j in range(len(items)) if not ((own or leave_out) and i == j))
        hits = [int(item_labels[j]) == int(y[i]) for _, j in ranked]
        r = sum(hits)
        if r == 0:
            continue
        answered += 1
        one = {f"recall@{k}": float(any(hits[:k])) for k in ks}
        one["r_precision"] = sum(hits[:r]) / r
        one["map@r"] = sum(sum(hits[: n + 1]) / (n + 1) for n in range(r) if hits[n]) / r
        sums = {name: sums.get(name, 0.0) + value for name, value in one.items()}
    means = {name: value / answered for name, value in sums.items()} if answered else {}
    return {**means, "unmatched": len(x) - answered}


def points(kind, n, dim, generator):
    """Random directions; few whole numbers, which tie; copies of a few vectors; one vector n times."""
    if kind == "random":
        return torch.randn(n, dim, generator=generator)
    if kind == "tied":
        return torch.randint(-1, 2, (n, dim), generator=generator).float()
    if kind == "copies":
        seeds = torch.randn(4, dim, generator=torch.Generator().manual_seed(dim))
        return seeds[torch.randint(4, (n,), generator=generator)]
    return torch.ones(n, dim)


def check(found, expected):
    assert found["unmatched"] == expected["unmatched"]
    for name, value in expected.items():
        assert found[name] == pytest.approx(value, abs=1e-9), name


def with_sizes(chosen, call):
    with pytest.MonkeyPatch.context() as patch:
        for name, value in chosen.items():
            module, _, constant = name.rpartition(".")
            patch.setattr(sys.modules[module], constant, value)
        return call()


@given(
    n=st.integers(2, 60),
    dim=st.sampled_from([1, 2, 5, 16]),
    classes=st.integers(1, 12),
    seed=st.integers(0, 999),
    kind=st.sampled_from(KINDS),
    metric=st.sampled_from(["cosine", "euclidean"]),
    chosen=sizes,
)
@settings(deadline=None, max_examples=60)
def test_all_against_all(n, dim, classes, seed, kind, metric, chosen):
    generator = torch.Generator().manual_seed(seed)
    x, y = points(kind, n, dim, generator), torch.randint(classes, (n,), generator=generator)
    expected = slow(x, y, metric=metric)
    found = with_sizes(chosen, lambda: retrieval(x, y, ks=(1, 2, 4), metric=metric))
    if expected["unmatched"] == n:
        assert math.isnan(found["recall@1"])
    check(found, expected)


@given(
    n=st.integers(1, 30),
    m=st.integers(1, 50),
    dim=st.sampled_from([2, 7]),
    seed=st.integers(0, 999),
    kind=st.sampled_from(KINDS),
    metric=st.sampled_from(["cosine", "euclidean"]),
    chosen=sizes,
)
@settings(deadline=None, max_examples=40)
def test_query_against_gallery(n, m, dim, seed, kind, metric, chosen):
    generator = torch.Generator().manual_seed(seed)
    x, y = points(kind, n, dim, generator), torch.randint(5, (n,), generator=generator)
    gallery, labels = points(kind, m, dim, generator), torch.randint(5, (m,), generator=generator)
    found = with_sizes(
        chosen, lambda: retrieval(x, y, gallery=gallery, gallery_labels=labels, ks=(1, 2, 4), metric=metric)
    )
    check(found, slow(x, y, gallery, labels, metric=metric))


def test_order_of_the_data_does_not_matter_without_ties():
    generator = torch.Generator().manual_seed(0)
    y = torch.arange(1500) % 40
    x = torch.randn(40, 24, generator=generator)[y] + 2 * torch.randn(1500, 24, generator=generator)
    order = torch.randperm(1500, generator=generator)
    whole, mixed = retrieval(x, y), retrieval(x[order], y[order])
    assert whole == pytest.approx(mixed, abs=1e-12)
    assert 0.03 < whole["map@r"] < whole["recall@1"] < 1


def stable_nearest(query, k, reference, *_):
    """For AccuracyCalculator: k nearest others by cosine, ties to the lower index, in float64."""
    own = query.shape == reference.shape and bool((query == reference).all())
    unit = [torch.nn.functional.normalize(part.double(), dim=1) for part in (query, reference)]
    similarity = (unit[0] @ unit[1].T * 2**30).round()
    if own:
        similarity.fill_diagonal_(-math.inf)
    found = similarity.sort(dim=1, descending=True, stable=True)
    return found.values[:, :k], found.indices[:, :k]


def accuracy_calculator(x, y, *gallery):
    from pytorch_metric_learning.utils.accuracy_calculator import AccuracyCalculator

    peer = AccuracyCalculator(
        include=("precision_at_1", "r_precision", "mean_average_precision_at_r"),
        k="max_bin_count" if not gallery else None,
        device=torch.device("cpu"),
        knn_func=lambda query, k, reference, ref_includes_query: stable_nearest(query, k, reference),
    )
    return peer.get_accuracy(x, y, *gallery)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("counts", [[5] * 12, [1, 2, 9, 30, 4], [60], [1] * 20])
@pytest.mark.parametrize("apart", [False, True])
def test_agrees_with_pytorch_metric_learning(kind, counts, apart):
    generator = torch.Generator().manual_seed(len(counts))
    y = torch.arange(len(counts)).repeat_interleave(torch.tensor(counts))
    x = points(kind, len(y), 6, generator)
    gallery = ()
    if apart:
        gallery = (points(kind, 2 * len(y), 6, generator), y.repeat(2))
    ours = retrieval(x, y, **dict(zip(("gallery", "gallery_labels"), gallery, strict=False)))
    if not apart and counts == [1] * 20:
        assert ours["unmatched"] == 20
        assert math.isnan(ours["map@r"])
        return
    peer = accuracy_calculator(x, y, *gallery)
    assert ours["recall@1"] == pytest.approx(peer["precision_at_1"], abs=1e-6)
    assert ours["r_precision"] == pytest.approx(peer["r_precision"], abs=1e-6)
    assert ours["map@r"] == pytest.approx(peer["mean_average_precision_at_r"], abs=1e-6)


@pytest.mark.parametrize("metric", ["cosine", "euclidean"])
@pytest.mark.parametrize("apart", [False, True])
def test_recall_agrees_with_scikit_learn_and_faiss(metric, apart):
    import faiss
    from sklearn.neighbors import NearestNeighbors

    generator = torch.Generator().manual_seed(1)
    y = torch.arange(300) % 25
    x = torch.randn(25, 16, generator=generator)[y] + 1.5 * torch.randn(300, 16, generator=generator)
    gallery, labels = (x, y) if not apart else (x.roll(7, 0) + 0.1, y.roll(7))
    skip = 0 if apart else 1
    found = retrieval(
        x, y, ks=(1, 3, 8), metric=metric, **({"gallery": gallery, "gallery_labels": labels} if apart else {})
    )
    neighbours = NearestNeighbors(n_neighbors=8 + skip, metric=metric).fit(gallery).kneighbors(x)[1][:, skip:]
    if metric == "cosine":
        index = faiss.IndexFlatIP(16)
        unit = [torch.nn.functional.normalize(part, dim=1).numpy() for part in (gallery, x)]
    else:
        index, unit = faiss.IndexFlatL2(16), [gallery.numpy(), x.numpy()]
    index.add(unit[0])
    for peer in (neighbours, index.search(unit[1], 8 + skip)[1][:, skip:]):
        hits = labels[torch.from_numpy(peer)] == y[:, None]
        for k in (1, 3, 8):
            assert found[f"recall@{k}"] == pytest.approx(hits[:, :k].any(1).double().mean().item(), abs=1e-6)


def test_hand_placed_example():
    """On a line of directions: a a b b, each nearest to its neighbour, the inner two confused."""
    angles = torch.tensor([0.0, 1.0, 1.5, 2.5])
    x = torch.stack([angles.cos(), angles.sin()], dim=1)
    found = retrieval(x, torch.tensor([0, 0, 1, 1]), ks=(1, 2))
    assert found["recall@1"] == pytest.approx(0.5)
    assert found["recall@2"] == pytest.approx(1.0)
    assert found["map@r"] == found["r_precision"] == pytest.approx(0.5)


def test_euclidean_distances_see_lengths_and_cosine_does_not():
    x = torch.tensor([[1.0, 0.0], [10.0, 0.0], [1.0, 0.5], [10.0, 0.5]])
    y = torch.tensor([0, 0, 1, 1])
    assert retrieval(x, y, metric="cosine")["recall@1"] > retrieval(x, y, metric="euclidean")["recall@1"] == 0


def test_a_collapsed_network_is_answered_by_index():
    """3,000 equal embeddings: the nearest of an image is the first of all others."""
    x, y = torch.ones(3000, 8), torch.arange(3000) % 300
    found = retrieval(x, y, ks=(1, 300, 301))
    # Class c finds its first image at place c + 1; that image itself finds the next one at place 300 + c.
    assert found["recall@1"] == pytest.approx(9 / 3000)
    assert found["recall@300"] == pytest.approx(2701 / 3000)
    assert found["recall@301"] == pytest.approx(2702 / 3000)


def test_numpy_torch_and_other_types_are_the_same():
    generator = torch.Generator().manual_seed(5)
    x, y = points("tied", 20, 6, generator), torch.randint(4, (20,), generator=generator)
    expected = retrieval(x, y)
    for same in ((x.numpy(), y.numpy()), (x.half(), y.int()), (x.double().numpy(), y.numpy().astype(np.int16))):
        assert retrieval(*same) == expected
    assert retrieval(x.clone().requires_grad_(), y) == expected


def test_threads_and_the_global_state_are_left_as_they_were():
    generator, before = torch.Generator().manual_seed(5), (torch.get_num_threads(), torch.get_rng_state())
    retrieval(torch.randn(3000, 4, generator=generator), torch.arange(3000) % 500)
    assert torch.get_num_threads() == before[0]
    assert torch.equal(torch.get_rng_state(), before[1])
    assert torch.is_grad_enabled()


def test_nan_is_an_error_that_counts_and_locates():
    x, y = torch.ones(6, 3), torch.zeros(6)
    x[2, 1], x[4, 0] = float("nan"), float("inf")
    with pytest.raises(ValueError, match=r"2 of 6 embeddings .* first is row 2"):
        retrieval(x, y)
    with pytest.raises(ValueError, match=r"2 of 6 gallery .* first is row 2"):
        retrieval(torch.ones(2, 3), torch.zeros(2), gallery=x, gallery_labels=y)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"labels": torch.zeros(3)}, r"\(4, 2\) and \(3,\)"),
        ({"ks": (1, 0)}, "at least 1, and 0"),
        ({"gallery": torch.ones(2, 2)}, "go together"),
        ({"gallery": torch.ones(2, 3), "gallery_labels": torch.zeros(2)}, "2 channels and the gallery has 3"),
        ({"metric": "manhattan"}, "cosine, euclidean, not 'manhattan'"),
    ],
)
def test_wrong_arguments_are_named(arguments, message):
    with pytest.raises(ValueError, match=message):
        retrieval(**{"embeddings": torch.ones(4, 2), "labels": torch.zeros(4), **arguments})


def test_nothing_to_rank():
    found = retrieval(torch.ones(0, 4), torch.zeros(0))
    assert found["unmatched"] == 0
    assert math.isnan(found["recall@1"])


@given(
    n=st.integers(2, 50),
    dim=st.sampled_from([2, 7]),
    classes=st.integers(1, 10),
    seed=st.integers(0, 999),
    kind=st.sampled_from(KINDS),
    metric=st.sampled_from(["cosine", "euclidean"]),
    chosen=sizes,
)
@settings(deadline=None, max_examples=40)
def test_the_same_images_embedded_otherwise(n, dim, classes, seed, kind, metric, chosen):
    generator = torch.Generator().manual_seed(seed)
    x, y = points(kind, n, dim, generator), torch.randint(classes, (n,), generator=generator)
    gallery = points(kind, n, dim, generator)

    def call():
        return retrieval(x, y, gallery=gallery, gallery_labels=y, leave_out=True, ks=(1, 2, 4), metric=metric)

    check(with_sizes(chosen, call), slow(x, y, gallery, y, metric=metric, leave_out=True))


def test_leaving_out_of_a_copy_of_the_queries_is_all_against_all():
    x, y = torch.randn(80, 5, generator=torch.Generator().manual_seed(3)), torch.arange(80) % 9
    assert retrieval(x, y, gallery=x.clone(), gallery_labels=y, leave_out=True) == retrieval(x, y)
    assert retrieval(x, y, leave_out=True) == retrieval(x, y)


def test_leaving_out_asks_for_the_same_labels():
    x, y = torch.randn(4, 3), torch.arange(4)
    with pytest.raises(ValueError, match="labels are not the same"):
        retrieval(x, y, gallery=x, gallery_labels=y.flip(0), leave_out=True)


@given(powers=st.lists(st.integers(-1000, 1000), min_size=12, max_size=12), apart=st.booleans())
@settings(max_examples=8)
def test_cosines_do_not_depend_on_the_unit_of_a_row(powers, apart):
    x, y = torch.randn(12, 4, generator=torch.Generator().manual_seed(0), dtype=torch.float64), torch.arange(12) % 3
    moved = torch.from_numpy(np.ldexp(x.numpy(), np.array(powers)[:, None]))
    if apart:
        found = retrieval(moved[:5], y[:5], gallery=moved[5:], gallery_labels=y[5:])
        assert found == retrieval(x[:5], y[:5], gallery=x[5:], gallery_labels=y[5:])
    else:
        assert retrieval(moved, y) == retrieval(x, y)


@pytest.mark.parametrize("shape", [(0, 4), (1, 4), (3, 0)])
@pytest.mark.parametrize("metric", ["cosine", "euclidean"])
def test_where_nobody_can_be_answered_there_is_no_figure(shape, metric):
    found = retrieval(torch.ones(shape), torch.arange(shape[0]), metric=metric)
    assert found.pop("unmatched") == shape[0]
    assert all(math.isnan(value) for value in found.values())
