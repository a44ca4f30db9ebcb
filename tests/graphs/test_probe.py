"""What a probe finds: topologies that would fail in the middle of a run, or lie about what they are."""

import random

import numpy as np
import pytest
import torch
from torch_geometric.transforms import BaseTransform, Compose, NormalizeFeatures, ToUndirected

from gnn_dml.config.compose import resolve
from gnn_dml.config.names import groups
from gnn_dml.errors import UserError
from gnn_dml.experiments.build import build
from gnn_dml.graphs import KNN, ClassAware, DropEdge, Threshold, Topology, probe
from gnn_dml.graphs.base import Edges, cosine_similarity

LABELS = torch.arange(4).repeat_interleave(3)
GOOD = [
    *(build(resolve([f"graph={name}"])["graph"]) for name in groups()["graph"] if name != "none"),
    ClassAware("nearest", k=2),
    Threshold(None, negatives="soft"),
    Compose([KNN(3), DropEdge(0.5)]),
    Compose([KNN(3), ToUndirected()]),
]


@pytest.mark.parametrize("topology", GOOD, ids=repr)
def test_the_package_passes(topology):
    edges, _ = probe(topology, 12, 8, LABELS)
    assert edges is None or edges.shape in {(12, 12), (2, edges.size(-1))}


class FirstGraphOnly(Topology):
    """Gives every graph of a batch the edges of the first."""

    def _adjacency(self, x, y):
        first = x if x.dim() == 2 else x[0]
        return (cosine_similarity(first) > 0).expand(*x.shape[:-1], x.size(-2))


class TwoDimensions(Topology):
    """Transposes as if there were no batch."""

    def _adjacency(self, x, y):
        return x @ x.t() > 0


class ReadsLabels(BaseTransform):
    """Same class, without saying so."""

    def forward(self, data):
        y = torch.zeros(len(data.x)) if data.y is None else data.y
        data.edge_index = (y[:, None] == y).nonzero().T
        return data


class NeedsLabels(BaseTransform):
    def forward(self, data):
        data.edge_index = (data.y[:, None] == data.y).nonzero().T
        return data


class Given(BaseTransform):
    """Answers with what it is given."""

    def __init__(self, edge_index, edge_weight=None):
        self.edge_index, self.edge_weight = edge_index, edge_weight

    def forward(self, data):
        data.edge_index, data.edge_weight = self.edge_index, self.edge_weight
        return data


class Overwrites(BaseTransform):
    def forward(self, data):
        data.edge_index = torch.tensor([[0], [1]])
        data.x.zero_()
        return data


class SilentWeights(Topology):
    def _edges(self, x, y):
        return Edges(None, torch.ones(*x.shape[:-1], x.size(-2)))


class PromisedWeights(Topology):
    gives_weights = True

    def _adjacency(self, x, y):
        return None


class Integers(Topology):
    def _adjacency(self, x, y):
        return torch.ones(*x.shape[:-1], x.size(-2), dtype=torch.uint8)


PAIR = torch.tensor([[0], [1]])
WRONG = [
    (FirstGraphOnly(), r"FirstGraphOnly\(loop=True\) gives other edges for a batch of two graphs \(2, 12, 8\) than"),
    (TwoDimensions(), r"TwoDimensions\(loop=True\) fails on a batch of two graphs.*last two dimensions"),
    (ReadsLabels(), r"ReadsLabels\(\) gives other edges with labels than without: .*uses_labels = True"),
    (NeedsLabels(), r"NeedsLabels\(\) works with labels and fails without .*uses_labels = True"),
    (Given(None), r"Given\(.*added no edge_index"),
    (NormalizeFeatures(), r"NormalizeFeatures\(.*no edge_index|changes the features"),
    (Given(torch.tensor([[0], [12]])), r"numbers of nodes, 0 to 11, and it holds 12"),
    (Given(torch.tensor([[-1], [3]])), r"numbers of nodes, 0 to 11, and it holds -1"),
    (Given(PAIR.float()), r"type torch\.long and shape \(2, E\).*not torch\.float32 of shape \(2, 1\)"),
    (Given(torch.zeros(3, 4, dtype=torch.long)), r"type torch\.long and shape \(2, E\)"),
    (Given(PAIR, torch.ones(2)), r"edge_weight must be floating point of shape \(1,\), not torch\.float32 of shape"),
    (Given(PAIR, torch.tensor([torch.nan])), r"edge_weight holds NaN or infinity"),
    (Overwrites(), r"changes the features of the nodes"),
    (SilentWeights(), r"gives edge weights: it must set gives_weights = True"),
    (PromisedWeights(), r"says gives_weights = True, and its edges have none"),
    (Integers(), r"edge_index must be of type torch\.long.*or a boolean adjacency; not torch\.uint8"),
    (KNN(12), r"KNN\(k=12, loop=True\): k=12 neighbours were asked for in a graph of 12 nodes; at most 11 exist"),
]


@pytest.mark.parametrize(("topology", "message"), WRONG, ids=lambda value: type(value).__name__)
def test_what_is_wrong_is_one_sentence(topology, message):
    with pytest.raises(UserError, match=message) as caught:
        probe(topology, 12, 8, LABELS)
    assert "\n" not in str(caught.value)


class Draws(BaseTransform):
    """Draws from every global generator."""

    def forward(self, data):
        torch.rand(3), np.random.rand(3), random.random()  # noqa: NPY002
        data.edge_index = torch.tensor([[0], [1]])
        return data


@pytest.mark.parametrize("topology", [Draws(), Compose([KNN(3), DropEdge(0.5)]), KNN(99)], ids=repr)
def test_no_random_state_is_moved(topology):
    before = torch.get_rng_state(), random.getstate(), np.random.get_state()[1].tolist()  # noqa: NPY002
    try:
        probe(topology, 12, 8, LABELS)
    except UserError:
        assert isinstance(topology, KNN)
    after = torch.get_rng_state(), random.getstate(), np.random.get_state()[1].tolist()  # noqa: NPY002
    assert torch.equal(before[0], after[0])
    assert before[1:] == after[1:]
