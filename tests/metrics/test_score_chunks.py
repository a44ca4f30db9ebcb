"""Metrics of scores that come in chunks, against a loop over queries and against the metrics of embeddings."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from gnn_dml.metrics import retrieval
from gnn_dml.metrics.score_chunks import retrieval_by_scores

MORE = ("mrr", "precision@3", "precision@9/possible", "map", "map@5", "map@5/found", "map@12/relevant")


def precision_sum(hits, k):
    """P(n) over the ranks n of what was to be found, among the first k."""
    return sum(sum(hits[: n + 1]) / (n + 1) for n in range(min(k, len(hits))) if hits[n])


def slow(scores, labels, gallery_labels=None, ks=(1, 2, 4)):
    """One query at a time: sort by score and index."""
    items = labels if gallery_labels is None else gallery_labels
    values, unmatched = {}, 0
    for i, row in enumerate(scores.tolist()):
        order = sorted((-s, j) for j, s in enumerate(row) if gallery_labels is not None or i != j)
        hits = [int(items[j]) == int(labels[i]) for _, j in order]
        r = sum(hits)
        if not r:
            unmatched += 1
            continue
        for k in ks:
            values.setdefault(f"recall@{k}", []).append(float(any(hits[:k])))
        values.setdefault("map@r", []).append(sum(sum(hits[: n + 1]) / (n + 1) for n in range(r) if hits[n]) / r)
        values.setdefault("r_precision", []).append(sum(hits[:r]) / r)
        more = (
            1 / (hits.index(True) + 1),
            sum(hits[:3]) / 3,
            sum(hits[:9]) / min(r, 9),
            precision_sum(hits, len(hits)) / r,
            precision_sum(hits, 5) / min(r, 5),
            precision_sum(hits, 5) / max(1, sum(hits[:5])),
            precision_sum(hits, 12) / r,
        )
        for name, value in zip(MORE, more, strict=True):
            values.setdefault(name, []).append(value)
    return {**{name: sum(found) / len(found) for name, found in values.items()}, "unmatched": unmatched}


def drawn(kind, rows, columns, generator):
    if kind == "random":
        return torch.randn(rows, columns, generator=generator)
    if kind == "tied":
        return torch.randint(-1, 2, (rows, columns), generator=generator).float() * -1.0
    return torch.zeros(rows, columns)


@settings(max_examples=40)
@given(
    n=st.integers(1, 30),
    m=st.one_of(st.none(), st.integers(1, 40)),
    classes=st.integers(1, 8),
    kind=st.sampled_from(["random", "tied", "same"]),
    size=st.integers(1, 31),
    entries=st.sampled_from([1, 100, 2**23]),
    group=st.sampled_from([1, 2, 5, 64]),
    seed=st.integers(0, 999),
)
def test_equals_the_loop(n, m, classes, kind, size, entries, group, seed):
    generator = torch.Generator().manual_seed(seed)
    labels = torch.randint(classes, (n,), generator=generator)
    gallery = None if m is None else torch.randint(classes + 1, (m,), generator=generator)
    scores = drawn(kind, n, n if m is None else m, generator)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("gnn_dml.metrics.score_chunks.ENTRIES", entries)
        patch.setattr("gnn_dml.metrics.score_chunks.GROUP", group)
        found = retrieval_by_scores(scores.split(size), labels, gallery_labels=gallery, ks=(1, 2, 4), more=MORE)
    expected = slow(scores, labels, gallery)
    assert found["unmatched"] == expected["unmatched"]
    for name, value in expected.items():
        assert found[name] == pytest.approx(value, abs=1e-12), name
    if expected["unmatched"] == n:
        assert math.isnan(found["map@r"])


def test_cosines_give_the_metrics_of_embeddings():
    generator = torch.Generator().manual_seed(0)
    labels = torch.arange(300) % 30
    x = torch.randn(30, 16, generator=generator)[labels] + 1.5 * torch.randn(300, 16, generator=generator)
    unit = torch.nn.functional.normalize(x, dim=1)
    found = retrieval_by_scores((unit @ unit.T).split(70), labels, more=MORE)
    assert found == pytest.approx(retrieval(x, labels, more=MORE), abs=1e-12)
    apart = retrieval_by_scores((unit[:90] @ unit[90:].T).split(50), labels[:90], gallery_labels=labels[90:], more=MORE)
    expected = retrieval(x[:90], labels[:90], gallery=x[90:], gallery_labels=labels[90:], more=MORE)
    assert apart == pytest.approx(expected, abs=1e-12)


def test_the_chunks_stay_as_they_are():
    scores = torch.randn(5, 5)
    before = scores.clone()
    retrieval_by_scores([scores], torch.tensor([0, 0, 1, 1, 1]))
    assert torch.equal(scores, before)


@pytest.mark.parametrize(
    ("chunks", "said"),
    [
        ([torch.zeros(3, 4)], "4 rows in all, and only 3 came"),
        ([torch.zeros(3, 4), torch.zeros(2, 4)], r"after 3 rows came the shape \(2, 4\)"),
        ([torch.zeros(4, 3)], r"after 0 rows came the shape \(4, 3\)"),
        ([torch.zeros(2, 4), torch.tensor([[0, 0, 0, 0], [0, math.nan, 0, 0]])], "the first is query 3"),
        ([torch.tensor([[0, math.inf, 0, 0]])], "the first is query 0"),
    ],
)
def test_wrong_chunks_are_named(chunks, said):
    with pytest.raises(ValueError, match=said):
        retrieval_by_scores(chunks, torch.tensor([0, 0, 1, 1]))


def test_a_wrong_k_and_an_unknown_metric_are_named():
    with pytest.raises(ValueError, match="and 0 is not"):
        retrieval_by_scores([torch.zeros(2, 2)], torch.tensor([0, 0]), ks=(0,))
    with pytest.raises(ValueError, match="unknown metric 'map@0'"):
        retrieval_by_scores([torch.zeros(2, 2)], torch.tensor([0, 0]), more=["map@0"])
