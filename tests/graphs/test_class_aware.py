import pytest
import torch

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
    ],
)
def test_wrong_arguments_are_named(arguments, message):
    with pytest.raises(ValueError, match=message):
        ClassAware(**arguments)


def test_it_says_that_it_uses_labels():
    assert ClassAware.uses_labels
