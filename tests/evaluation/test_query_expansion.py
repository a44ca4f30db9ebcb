"""Query expansion and database-side augmentation against a loop over images in float64."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from gnn_dml.evaluation.neighbour_sums import unit_rows
from gnn_dml.evaluation.query_expansion import Sides, query_expansion, score_sides
from gnn_dml.metrics import retrieval


def randn(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def unit(v):
    return v / v.norm()


def summed(vector, pool, k, alpha):
    """The vector averaged with its k nearest of a pool of (index, vector)."""
    near = sorted(pool, key=lambda entry: (-float(vector @ entry[1]), entry[0]))[:k]
    weights = [max(0.0, float(vector @ v)) ** alpha for _, v in near]
    return unit(vector + sum((w * v for w, (_, v) in zip(weights, near, strict=True)), torch.zeros_like(vector)))


def slow(x, k, alpha, database, query=None):
    x = [unit(row) for row in x.double()]
    items = [i for i in range(len(x)) if query is None or not query[i]]
    asked = [i for i in range(len(x)) if query is None or query[i]]
    gallery = {i: x[i] for i in items}
    if database:
        gallery = {i: summed(x[i], [(j, x[j]) for j in items if j != i], k, alpha) for i in items}
    queries = [summed(x[i], [(j, gallery[j]) for j in items if j != i], k, alpha) for i in asked]
    return torch.stack(queries), torch.stack(list(gallery.values()))


@pytest.mark.parametrize("database", [False, True])
@pytest.mark.parametrize(("k", "alpha"), [(1, 0.0), (3, 3.0), (5, 0.5), (99, 1.0)])
@pytest.mark.parametrize("apart", [False, True])
def test_equals_the_loop(database, k, alpha, apart):
    x = randn(30, 5)
    query = torch.arange(30) % 3 == 0 if apart else None
    found = query_expansion(x, neighbours=k, alpha=alpha, database=database, query=query)
    for ours, theirs in zip(found, slow(x, k, alpha, database, query), strict=True):
        torch.testing.assert_close(ours.double(), theirs, atol=1e-6, rtol=0)


def test_without_the_database_the_gallery_is_the_embedding():
    x = randn(20, 4)
    assert torch.equal(query_expansion(x, neighbours=2, alpha=3.0).gallery, unit_rows(x))


@given(st.integers(2, 20), st.integers(0, 99), st.booleans(), st.integers(1, 5))
def test_the_order_of_the_images_does_not_matter(n, seed, database, k):
    x = randn(n, 4, seed=seed)
    order = torch.randperm(n, generator=torch.Generator().manual_seed(seed))
    one = query_expansion(x, neighbours=k, alpha=2.0, database=database)
    other = query_expansion(x[order], neighbours=k, alpha=2.0, database=database)
    for ours, theirs in zip(one, other, strict=True):
        torch.testing.assert_close(ours[order], theirs, atol=1e-5, rtol=0)


@given(st.integers(0, 99), st.booleans())
def test_queries_look_at_the_gallery_alone(seed, database):
    x, other = randn(20, 4, seed=seed), randn(20, 4, seed=seed + 1)
    query = torch.arange(20) % 4 == 0
    mixed = torch.where(query[:, None], other, x)
    mixed[0] = x[0]
    one, two = (query_expansion(some, neighbours=3, alpha=1.0, database=database, query=query) for some in (x, mixed))
    assert torch.equal(one.gallery, two.gallery)
    torch.testing.assert_close(one.queries[0], two.queries[0], atol=1e-6, rtol=0)


def test_duplicates_stay_and_an_image_does_not_find_itself():
    sides = query_expansion(torch.ones(4, 3), neighbours=2, alpha=1.0, database=True)
    torch.testing.assert_close(sides.queries, unit_rows(torch.ones(4, 3)))


def test_few_images():
    alone = query_expansion(torch.tensor([[3.0, 4.0]]), neighbours=3, alpha=1.0, database=True)
    torch.testing.assert_close(alone.queries, torch.tensor([[0.6, 0.8]]))
    nobody = query_expansion(torch.eye(3), neighbours=3, alpha=1.0, query=torch.ones(3).bool())
    assert torch.equal(nobody.queries, torch.eye(3))
    assert nobody.gallery.shape == (0, 3)


def test_scores_leave_each_query_out_of_its_own_gallery():
    x, labels = randn(40, 4), torch.arange(40) % 5
    assert score_sides(Sides(x, x.clone()), labels) == retrieval(x, labels)
    query = torch.arange(40) < 15
    expected = retrieval(x[query], labels[query], gallery=x[~query], gallery_labels=labels[~query])
    assert score_sides(Sides(x[query], x[~query]), labels, query) == expected


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"neighbours": 0, "alpha": 1.0}, "neighbours must be at least 1, not 0"),
        ({"neighbours": 1, "alpha": -1.0}, "alpha must be at least 0 and finite, not -1.0"),
    ],
)
def test_wrong_values_are_named(options, said):
    with pytest.raises(ValueError, match=said):
        query_expansion(torch.eye(3), **options)


def test_rows_without_direction_are_named():
    with pytest.raises(ValueError, match="1 of 3 features are all zero and have no direction; the first is row 1"):
        query_expansion(torch.tensor([[1.0, 0], [0, 0], [0, 1]]), neighbours=1, alpha=1.0)
