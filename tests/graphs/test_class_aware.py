import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from gnn_dml.graphs import KNN, ClassAware

Y = torch.tensor([0, 0, 1, 1, 1, 2])
X = torch.randn(6, 4, generator=torch.Generator().manual_seed(3)).double()


def rows(adjacency):
    return [set(row.nonzero().squeeze(1).tolist()) for row in adjacency]


def test_same_class():
    assert rows(ClassAware("same", loop=False).adjacency(X, Y)) == [{1}, {0}, {3, 4}, {2, 4}, {2, 3}, set()]


def test_other_classes():
    assert rows(ClassAware("other", loop=False).adjacency(X, Y)) == [
        {2, 3, 4, 5},
        {2, 3, 4, 5},
        {0, 1, 5},
        {0, 1, 5},
        {0, 1, 5},
        {0, 1, 2, 3, 4},
    ]


@pytest.mark.parametrize("k", [1, 2, 3])
def test_nearest_of_each(k):
    """Rank all others, keep the first k of the own class and the first k of the other classes."""
    x = torch.nn.functional.normalize(X, dim=1)
    found = rows(ClassAware("nearest", k=k, loop=False).adjacency(X, Y))
    for i in range(6):
        ranked = sorted((-float(x[i] @ x[j]), j) for j in range(6) if j != i)
        own = [j for _, j in ranked if Y[j] == Y[i]][:k]
        other = [j for _, j in ranked if Y[j] != Y[i]][:k]
        assert found[i] == {*own, *other}


def test_one_class_only():
    y = torch.zeros(6, dtype=torch.long)
    assert rows(ClassAware("other", loop=False).adjacency(X, y)) == [set()] * 6
    assert rows(ClassAware("nearest", k=2, loop=False).adjacency(X, y)) == rows(KNN(2, loop=False).adjacency(X))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"mode": "some"}, "same, other, nearest, not 'some'"),
        ({"mode": "nearest"}, "k of at least 1, not None"),
        ({"mode": "nearest", "k": 0}, "k of at least 1, not 0"),
        ({"mode": "same", "k": 3}, "k=3 goes with mode='nearest'"),
        ({"mode": "same", "hidden": 1.5}, "hidden must be a share from 0 to 1, not 1.5"),
        ({"mode": "same", "hidden": float("nan")}, "hidden must be a share"),
        ({"mode": "same", "seed": -1}, "seed must be at least 0"),
    ],
)
def test_wrong_arguments_are_named(arguments, message):
    with pytest.raises(ValueError, match=message):
        ClassAware(**arguments)


@pytest.mark.parametrize("mode", ["same", "other", "nearest"])
@given(hidden=st.floats(0, 1), seed=st.integers(0, 99), n=st.integers(2, 9))
def test_no_edge_is_chosen_by_a_hidden_label(mode, hidden, seed, n):
    """Which labels are hidden is read off a graph in which every known node hears the others that are known."""
    generator = torch.Generator().manual_seed(seed)
    x, y = torch.randn(n, 3, generator=generator).double(), torch.randint(3, (n,), generator=generator)
    k = 2 if mode == "nearest" else None
    one_class = ClassAware("same", hidden=hidden, seed=seed, loop=False).adjacency(x, torch.zeros(n))
    known = {i for i, heard in enumerate(rows(one_class)) if heard}
    full = rows(ClassAware(mode, k, loop=False).adjacency(x, y))
    found = rows(ClassAware(mode, k, hidden=hidden, seed=seed, loop=False).adjacency(x, y))
    near = rows(KNN(min(2 * (k or 0), n - 1), loop=False).adjacency(x)) if k and n > 1 else [set()] * n
    for i in range(n):
        if len(known) > 1 and i in known:
            assert found[i] <= known
            if mode != "nearest":
                assert found[i] == full[i] & known
        elif len(known) > 1:
            assert found[i] == near[i]


def test_the_share_of_hidden_labels_is_the_share_asked_for():
    x, y = torch.randn(2000, 3, generator=torch.Generator().manual_seed(0)), torch.zeros(2000, dtype=torch.long)
    for hidden in (0.0, 0.1, 0.5, 1.0):
        heard = ClassAware("same", hidden=hidden, loop=False).adjacency(x, y).any(dim=1).double().mean().item()
        assert abs(1 - hidden - heard) < 0.05
        assert hidden not in (0.0, 1.0) or heard == 1 - hidden
    other = [ClassAware("same", hidden=0.5, seed=seed, loop=False).adjacency(x, y).any(dim=1) for seed in (0, 1)]
    assert 0.4 < (other[0] != other[1]).double().mean().item() < 0.6


def test_with_all_labels_hidden_the_nearest_are_those_of_knn():
    found = ClassAware("nearest", k=2, hidden=1.0, loop=False).adjacency(X, Y)
    assert torch.equal(found, KNN(4, loop=False).adjacency(X))


def test_it_says_that_it_uses_labels():
    assert ClassAware.uses_labels
