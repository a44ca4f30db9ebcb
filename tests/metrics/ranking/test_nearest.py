"""Rankings against sorted lists; ties and near ties above all."""

from fractions import Fraction

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from gnn_dml.metrics.ranking import nearest
from gnn_dml.metrics.ranking.nearest import most_neighbours, nearest_items, nearest_neighbours
from gnn_dml.metrics.ranking.space import make_space


def whole(x):
    """Rows as whole numbers, which multiply without rounding."""
    return [[int(Fraction(value) * 2**160) for value in row] for row in x.tolist()]


def similarities(queries, items):
    """Numbers that rise with the cosine: its square, rounded 200 places behind the point, so that equal ones tie."""
    norms = [sum(v * v for v in item) for item in items]
    rows = []
    for query in queries:
        square = sum(v * v for v in query)
        dots = [sum(u * v for u, v in zip(query, item, strict=True)) for item in items]
        rows.append(
            [(d * abs(d) << 200) // (square * n) if square * n else 0 for d, n in zip(dots, norms, strict=True)]
        )
    return rows


def ranked(x, m, query=None, items=None):
    """The rule said plainly: most similar first, ties to the lower index, no queries, not oneself."""
    rows = similarities(whole(x), whole(x if items is None else items))
    allowed = [j for j in range(len(rows)) if query is None or not query[j]]
    return [sorted((j for j in allowed if j != i), key=lambda j: (-row[j], j))[:m] for i, row in enumerate(rows)]


def randn(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def duplicates(n=100, distinct=7, dim=17):
    return randn(distinct, dim)[torch.randint(distinct, (n,), generator=torch.Generator().manual_seed(1))]


def last_bits(n=120, dim=16):
    """Rows that differ from one another in the last bit of some numbers: products in float32 cannot rank them."""
    flips = torch.randint(-1, 2, (n, dim), generator=torch.Generator().manual_seed(1))
    return (randn(1, dim).view(torch.int32) + flips.int()).view(torch.float32)


CASES = {
    "random": randn(90, 12),
    "float64": randn(40, 12).double(),
    "duplicates": duplicates(),
    "all the same": torch.ones(60, 3),
    "last bits": last_bits(),
    "rows of zeros": torch.cat([torch.zeros(4, 5), randn(20, 5), torch.zeros(3, 5)]),
    "one channel": randn(30, 1),
}


@pytest.mark.parametrize("name", CASES)
def test_equals_a_sorted_list(name):
    expected = ranked(CASES[name], 22)
    for m in (1, 9, 22):
        assert nearest_neighbours(CASES[name], m).tolist() == [row[:m] for row in expected]


@pytest.mark.parametrize("name", ["random", "duplicates", "last bits"])
def test_queries_are_nobodys_neighbours(name):
    x = CASES[name]
    query = torch.randint(2, (len(x),), generator=torch.Generator().manual_seed(2)).bool()
    assert nearest_neighbours(x, 9, query=query).tolist() == ranked(x, 9, query)


@pytest.mark.parametrize("name", ["random", "duplicates", "last bits", "all the same"])
def test_candidates_and_blocks_change_nothing(name, monkeypatch):
    expected = ranked(CASES[name], 9)
    monkeypatch.setattr(nearest, "EXACT_ENTRIES", 300)
    for spare, block, group in ((0, None, 64), (1, 7, 2), (25, 30, 1), (200, 1, 64), (0, 50, 3)):
        monkeypatch.setattr(nearest, "SPARE", spare)
        monkeypatch.setattr(nearest, "GROUP", group)
        assert nearest_neighbours(CASES[name], 9, block=block).tolist() == expected


def test_duplicates_of_many_channels_tie():
    """However a product of matrices is cut up, rows that are equal are equally near."""
    which = torch.randint(9, (333,), generator=torch.Generator().manual_seed(1))
    x = torch.nn.functional.normalize(randn(9, 515), dim=1)[which]
    found = nearest_neighbours(x, 30)
    for i in range(len(x)):
        same = [j for j in range(len(x)) if which[j] == which[i] and j != i]
        assert found[i, : len(same)].tolist() == same[:30]


@given(
    arrays(np.int8, st.tuples(st.integers(1, 14), st.integers(1, 3)), elements=st.integers(-2, 2)),
    st.integers(0, 13),
    st.randoms(use_true_random=False),
)
def test_any_small_whole_numbers(values, m, random):
    x = torch.from_numpy(values).float()
    query = torch.tensor([random.random() < 0.4 for _ in x])
    for mask in (None, query):
        k = min(m, most_neighbours(len(x), mask))
        assert nearest_neighbours(x, k, query=mask).tolist() == ranked(x, k, mask)


@pytest.mark.parametrize(("query", "most"), [(None, 3), ([1, 0, 0, 0], 2), ([1, 1, 1, 0], 0), ([1, 1, 1, 1], 0)])
def test_most_neighbours(query, most):
    assert most_neighbours(4, None if query is None else torch.tensor(query).bool()) == most


@pytest.mark.parametrize("block", [None, 7])
@pytest.mark.parametrize("name", ["random", "duplicates", "last bits", "rows of zeros"])
def test_the_same_images_embedded_otherwise_leave_each_other_out_by_position(name, block):
    queries = CASES[name]
    items = queries.flip(0)
    space = make_space(queries, items, "cosine", own=False, leave_out=True)
    assert nearest_items(space, 5, block=block).tolist() == ranked(queries, 5, items=items)
