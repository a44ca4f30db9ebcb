"""Neighbourhoods against the published loop in plain sets, one image at a time."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from gnn_dml.evaluation.neighbourhoods import NearestNeighbourhoods, ReciprocalNeighbourhoods
from gnn_dml.metrics.ranking.nearest import nearest_neighbours


def randn(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def similarities(x):
    """Cosines of the rows in float32, as whole numbers of steps of 2^-32; what agrees in them is a tie."""
    x = x.double().numpy()
    length = np.sqrt((x**2).sum(axis=1, keepdims=True))
    rows = np.divide(x, length, out=np.zeros_like(x), where=length > 0).astype(np.float32).tolist()
    return [[round(math.fsum(a * b for a, b in zip(p, q, strict=True)) * 2**32) for q in rows] for p in rows]


class Slow:
    """The published loop, in sets.

    Args:
        x: Embeddings.
        neighbours: That join an image; fewer where each image has not as many.
        k1: Length of the lists.
        query: Which images are queries, or None.
    """

    def __init__(self, x, neighbours, k1, query=None):
        self.similarity, self.k1 = similarities(x), k1
        self.gallery = [i for i in range(len(x)) if query is None or not query[i]]
        self.queries = [i for i in range(len(x)) if query is not None and query[i]]
        self.m = max(0, min(neighbours, len(self.gallery) - 1))
        self.seen = set()
        self.orders = {}

    def order(self, i, among):
        """Nearest first: itself where it is there, then by similarity and index."""
        key = (i, tuple(among))
        if key not in self.orders:
            self.orders[key] = sorted(among, key=lambda j: (j != i, -self.similarity[i][j], j))
        return self.orders[key]

    def reciprocal(self, i, k, asked, answering):
        """Those of the k + 1 nearest of i that have i among their own k + 1 nearest."""
        forward = self.order(i, answering)[: k + 1]
        return {j for j in forward if i in self.order(j, asked)[: k + 1]}

    def group(self, i):
        asked = self.queries if i in self.queries else self.gallery
        own = self.reciprocal(i, self.k1, asked, self.gallery)
        union = set(own)
        for candidate in own:
            theirs = self.reciprocal(candidate, round(self.k1 / 2), self.gallery, self.gallery)
            if len(theirs & own) > 2 / 3 * len(theirs):
                union |= theirs
        size = self.m if i in self.queries else self.m + 1
        nearest = self.order(i, union)[:size]
        fill = [j for j in self.order(i, self.gallery) if j not in union][: size - len(nearest)]
        self._note(i, own, nearest, fill)
        return [i, *nearest, *fill] if i in self.queries else nearest + fill

    def _note(self, i, own, nearest, fill):
        """What of the rule has come to bear."""
        forward = self.order(i, self.gallery)[: self.k1 + 1]
        self.seen |= {"expanded"} if set(nearest) - own else set()
        self.seen |= {"beyond the list"} if set(nearest) - set(forward) else set()
        self.seen |= {"filled"} if fill else set()
        self.seen |= {"filled after some beyond the list"} if fill and set(nearest) - set(forward) else set()

    def groups(self):
        return [self.group(i) for i in range(len(self.similarity))]


def duplicates(n, distinct, dim):
    return randn(distinct, dim)[torch.randint(distinct, (n,), generator=torch.Generator().manual_seed(1))]


def clusters(n=70, centres=6, spread=0.7, seed=0):
    return randn(centres, 8, seed=seed)[torch.arange(n) % centres] + spread * randn(n, 8, seed=seed + 1)


CASES = {
    "random": randn(60, 6),
    "clusters": clusters(),
    "duplicates": duplicates(60, 12, 5),
    "some duplicates": torch.cat([clusters(40), clusters(40)[:25]]),
    "all the same": torch.ones(40, 3),
    "in the plane": randn(50, 2),
    "one": randn(1, 4),
    "two": randn(2, 4),
    "five": randn(5, 4),
}
SETTINGS = [(6, 30), (6, 10), (3, 5), (5, 3), (2, 1), (12, 6)]


def masks(n):
    generator = torch.Generator().manual_seed(5)
    return [torch.rand(n, generator=generator) < share for share in (0.5, 0.15, 0.85)]


@pytest.mark.parametrize(("m", "k1"), SETTINGS)
@pytest.mark.parametrize("name", CASES)
def test_reciprocal_ones_equal_the_loop_in_sets(name, m, k1):
    x = CASES[name]
    assert ReciprocalNeighbourhoods(m, k1)(x).tolist() == Slow(x, m, k1).groups()


@pytest.mark.parametrize(("m", "k1"), SETTINGS)
@pytest.mark.parametrize("name", ["clusters", "some duplicates", "all the same", "five"])
def test_and_so_they_do_with_queries_and_a_gallery(name, m, k1):
    x = CASES[name]
    for query in masks(len(x)):
        found = ReciprocalNeighbourhoods(m, k1)(x, query=query)
        assert found.tolist() == Slow(x, m, k1, query).groups()
        assert not query[found[:, 1:]].any()


def test_the_cases_have_all_that_the_rule_speaks_of():
    seen, with_gallery = set(), set()
    for m, k1 in SETTINGS:
        for x in (CASES["random"], CASES["clusters"], CASES["in the plane"]):
            slow, other = Slow(x, m, k1), Slow(x, m, k1, masks(len(x))[0])
            slow.groups(), other.groups()
            seen |= slow.seen
            with_gallery |= other.seen
    everything = {"expanded", "beyond the list", "filled", "filled after some beyond the list"}
    assert seen == everything
    assert with_gallery == everything


def test_chunks_change_nothing(monkeypatch):
    x = CASES["clusters"]
    whole = ReciprocalNeighbourhoods(6, 10)(x)
    monkeypatch.setattr("gnn_dml.evaluation.reciprocal.CHUNK", 200)
    assert torch.equal(ReciprocalNeighbourhoods(6, 10)(x), whole)


@given(
    arrays(np.int8, st.tuples(st.integers(1, 12), st.integers(1, 3)), elements=st.integers(-2, 2)),
    st.integers(1, 6),
    st.integers(1, 6),
    st.randoms(use_true_random=False),
)
def test_any_small_whole_numbers(values, m, k1, random):
    x = torch.from_numpy(values).float()
    query = torch.tensor([random.random() < 0.4 for _ in x])
    for mask in (None, query):
        assert ReciprocalNeighbourhoods(m, k1)(x, query=mask).tolist() == Slow(x, m, k1, mask).groups()


@pytest.mark.parametrize("query", [None, torch.arange(60) % 3 == 0])
def test_nearest_ones_are_the_ranking(query):
    x = CASES["duplicates"]
    found = NearestNeighbourhoods(4)(x, query=query)
    assert found[:, 0].tolist() == list(range(60))
    assert torch.equal(found[:, 1:], nearest_neighbours(x, 4, query=query))


@pytest.mark.parametrize("rule", [NearestNeighbourhoods(9), ReciprocalNeighbourhoods(9)])
def test_fewer_images_than_neighbours(rule):
    x = randn(4, 3)
    assert [sorted(row) for row in rule(x).tolist()] == [[0, 1, 2, 3]] * 4
    lonely = torch.tensor([1, 1, 0, 1]).bool()
    assert rule(x, query=lonely).tolist() == [[0], [1], [2], [3]]
    assert rule(x, query=torch.ones(4).bool()).tolist() == [[0], [1], [2], [3]]


@pytest.mark.parametrize("rule", [NearestNeighbourhoods(3), ReciprocalNeighbourhoods(3)])
@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize("query", [None, torch.arange(30) < 9])
def test_a_row_that_is_not_finite_is_nobodys_neighbour(rule, bad, query):
    """NaN would be the largest similarity of all."""
    x = randn(30, 4)
    x[3:5, 1] = bad
    with pytest.raises(ValueError, match="2 of 30 features hold NaN or infinity; the first is row 3"):
        rule(x, query=query)


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda: NearestNeighbourhoods(-2), "neighbours must be at least 0, not -2"),
        (lambda: ReciprocalNeighbourhoods(-1), "neighbours must be at least 0, not -1"),
        (lambda: ReciprocalNeighbourhoods(6, k1=0), "k1 must be at least 1, not 0"),
    ],
)
def test_wrong_values_are_named(make, said):
    with pytest.raises(ValueError, match=said):
        make()


def test_they_say_what_they_are():
    assert repr(NearestNeighbourhoods(8)) == "NearestNeighbourhoods(8)"
    assert repr(ReciprocalNeighbourhoods(6)) == "ReciprocalNeighbourhoods(6, k1=30)"
