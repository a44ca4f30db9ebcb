"""A topology on one line: without memory addresses, and the same in every process."""

import os
from pathlib import Path

import pytest
from torch_geometric.transforms import BaseTransform, Compose, ToUndirected

from gnn_dml.graphs import KNN, Complete, DropEdge, describe


class Silent(BaseTransform):
    """No __repr__ of its own; attributes of every kind."""

    def __init__(self, radius, table=None, *, names=("a", "b")):
        self.radius, self.names, self.table, self._hidden, self.made = radius, names, object(), 3, 1.5

    def forward(self, data):
        return data


class Address(Silent):
    def __repr__(self):
        return object.__repr__(self)


class Spoken(Silent):
    def __repr__(self):
        return "spoken\n  twice"


class Wrapper(Compose):
    """Runs its parts in a way of its own."""


CASES = [
    (KNN(3), "KNN(k=3, loop=True)"),
    (Compose([KNN(3), Compose([DropEdge(0.5)])]), "KNN(k=3, loop=True) + DropEdge(p=0.5)"),
    (Compose([]), "an empty Compose"),
    (Silent(0.5), "Silent(radius=0.5, names=('a', 'b'), made=1.5)"),
    (Address(2), "Address(radius=2, names=('a', 'b'), made=1.5)"),
    (Spoken(2), "spoken twice"),
    (Compose([Complete(), ToUndirected()]), "Complete(loop=True) + ToUndirected(reduce='add', merge=True)"),
    (Wrapper([KNN(3)]), "Wrapper([ KNN(k=3, loop=True) ])"),
]


@pytest.mark.parametrize(("topology", "expected"), CASES, ids=[expected for _, expected in CASES])
def test_parts_and_plain_attributes(topology, expected):
    found = describe(topology)
    assert found == expected
    assert "0x" not in found


def test_another_process_says_the_same(processes):
    """With hash values of its own, which the server of the forks got when it was started."""
    script = (
        "import sys; sys.path.insert(0, sys.argv[1])\n"
        "import test_describe as t\n"
        "print(hash('gnn'))\n"
        "print([t.describe(one) for one, _ in t.CASES])"
    )
    number, said = processes.run("-c", script, Path(__file__).parent).stdout.splitlines()
    assert int(number) != hash("gnn") or os.environ.get("PYTHONHASHSEED", "random") != "random"
    assert said == f"{[describe(one) for one, _ in CASES]}"
