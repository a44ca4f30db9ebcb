"""A slow retrieval that all tests of metrics share. torch has two threads here, as it would outside the tests."""

import sys

import numpy as np
import pytest
import torch
from hypothesis import strategies as st

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


@pytest.fixture(autouse=True)
def two_threads():
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="session")
def with_any_sizes():
    """Calls with the sizes of blocks and samples that hypothesis draws from its `data`."""

    def call(data, function):
        with pytest.MonkeyPatch.context() as patch:
            for name, values in SIZES.items():
                module, _, constant = name.rpartition(".")
                patch.setattr(sys.modules[module], constant, data.draw(st.sampled_from(values)))
            return function()

    return call


@pytest.fixture(scope="session")
def slow_retrieval():
    """Every retrieval metric by a plain loop over queries in float64."""
    return loop


def scores_of(x, items, metric):
    """Float64 scores of all items for one query, computed in one way for each pair."""
    if metric == "euclidean":
        return -np.array([((x - item) ** 2).sum() for item in items])
    x, items = (part / np.abs(part).max(axis=-1, keepdims=True) for part in (x, items))
    x, items = (part / np.sqrt((part**2).sum(axis=-1, keepdims=True)) for part in (x, items))
    return -np.array([((x - item) ** 2).sum() for item in items])


def rankings(x, y, gallery=None, gallery_labels=None, metric="cosine", excluded=None):
    """For every query its class, R, and whether each item from the nearest on is of its class."""
    own = gallery is None
    items, labels = (x, y) if own else (gallery, gallery_labels)
    excluded = range(len(x)) if own else [-1] * len(x) if excluded is None else excluded
    for query, label, out in zip(x, y, excluded, strict=True):
        score = scores_of(query, items, metric)
        order = sorted((j for j in range(len(items)) if j != out), key=lambda j: (-score[j], j))
        hits = [labels[j] == label for j in order]
        yield label, sum(hits), hits


def figures(hits, r, ks):
    """The metrics of one query, each as its definition says."""
    precision = [sum(hits[: n + 1]) / (n + 1) for n in range(len(hits))]

    def total(k):
        return sum(p for p, hit in zip(precision[:k], hits[:k], strict=True) if hit)

    out = {"map@r": total(r) / r, "r_precision": sum(hits[:r]) / r, "mrr": 1 / (1 + hits.index(True))}
    out["map"] = total(len(hits)) / r
    for k in ks:
        out[f"recall@{k}"] = float(any(hits[:k]))
        out[f"precision@{k}"] = sum(hits[:k]) / k
        out[f"precision@{k}/possible"] = sum(hits[:k]) / min(r, k)
        out[f"map@{k}"] = total(k) / min(r, k)
        out[f"map@{k}/found"] = total(k) / max(1, sum(hits[:k]))
        out[f"map@{k}/relevant"] = total(k) / r
    return out


def loop(x, y, *, ks=(1, 2, 4), average="query", unanswerable="leave out", **how):
    """As `gnn_dml.metrics.retrieval` with all that it knows."""
    found, unmatched = [], 0
    for label, r, hits in rankings(np.asarray(x, dtype=np.float64), y, metric=how.pop("metric", "cosine"), **how):
        unmatched += r == 0
        if r:
            found.append((label, figures(hits, r, ks)))
        elif unanswerable == "zero":
            found.append((label, {}))
    names = figures([True], 1, ks) if found else {}
    means = {}
    for name in names:
        if average == "query":
            means[name] = np.mean([one.get(name, 0.0) for _, one in found])
        else:
            classes = {label for label, _ in found}
            means[name] = np.mean([np.mean([o.get(name, 0.0) for at, o in found if at == c]) for c in classes])
    return {**means, "unmatched": unmatched}
