import runpy
from functools import partial
from pathlib import Path

import pytest
import torch
from torch.nn.functional import normalize
from torch_geometric.transforms import Compose

from gnn_dml.errors import UserError
from gnn_dml.evaluation.neighbourhoods import NearestNeighbourhoods, ReciprocalNeighbourhoods
from gnn_dml.evaluation.refine import refine_in_neighbourhoods
from gnn_dml.graphs import (
    KNN,
    ClassAware,
    Complete,
    DropEdge,
    Isolated,
    MutualKNN,
    Random,
    Threshold,
    build_edges,
    describe,
)
from gnn_dml.layers import DotProductAttention, GATConv
from gnn_dml.layers.edges import to_sparse
from gnn_dml.metrics.ranking.nearest import nearest_neighbours
from gnn_dml.models import Refiner


def features(n=12, dim=8):
    x = torch.randn(n, dim, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    return normalize(x, dim=1)


def refiner(layer=DotProductAttention, **arguments):
    torch.manual_seed(1)
    make = partial(DotProductAttention, num_heads=2) if layer is DotProductAttention else GATConv.for_dim
    return Refiner(8, 3, make, num_layers=2, **arguments).double().eval()


def assert_one_tiny_graph_at_a_time(module, topology):
    x = features()
    found = refine_in_neighbourhoods(module, topology, x, neighbourhoods=NearestNeighbourhoods(4))
    x = normalize(x, dim=1)
    for i in range(len(x)):
        ranked = sorted((-float(x[i] @ x[j]), j) for j in range(len(x)) if j != i)
        nodes = x[[i, *(j for _, j in ranked[:4])]]
        with torch.no_grad():
            alone = module(nodes, *build_edges(topology, nodes, None)).features[-1][0]
        torch.testing.assert_close(found[i], alone)


TOPOLOGIES = [
    Complete(),
    Complete(loop=False),
    KNN(2),
    Isolated(),
    MutualKNN(2),
    Random(2),
    Threshold(0.0),
    Threshold(None, negatives="soft"),
    Compose([KNN(2), DropEdge(0.0)]),
    Compose([Complete(), KNN(2)]),
]


@pytest.mark.parametrize("topology", TOPOLOGIES, ids=describe)
@pytest.mark.parametrize("layer", [DotProductAttention, GATConv])
def test_equals_one_tiny_graph_at_a_time(topology, layer):
    assert_one_tiny_graph_at_a_time(refiner(layer), topology)


@pytest.mark.parametrize(
    "topology",
    [Threshold(0.0), Threshold(None, negatives="soft"), Compose([KNN(2), Threshold(0.0, loop=True)])],
    ids=describe,
)
def test_weighted_neighbourhoods_too(topology):
    assert_one_tiny_graph_at_a_time(refiner(weighted=True), topology)


@pytest.mark.parametrize("nodes", [1, 11, 40])
def test_chunks_change_nothing(nodes):
    found = [
        refine_in_neighbourhoods(
            refiner(), Complete(), features(), neighbourhoods=NearestNeighbourhoods(4), nodes_at_once=at_once
        )
        for at_once in (nodes, 4096)
    ]
    torch.testing.assert_close(*found)


class Ring:
    """A transform that handles one graph and knows nothing of this package."""

    def __call__(self, data):
        index = torch.arange(data.num_nodes)
        data.edge_index = torch.stack([index, index.roll(-1)])
        return data


def test_transforms_from_elsewhere_work_too():
    x, module = features(), refiner()
    found = refine_in_neighbourhoods(module, Ring(), x, neighbourhoods=NearestNeighbourhoods(3))
    nodes = x[[0, *nearest_neighbours(x, 3)[0].tolist()]]
    ring = torch.tensor([[0, 1, 2, 3], [1, 2, 3, 0]])
    with torch.no_grad():
        torch.testing.assert_close(found[0], module(nodes, ring).features[-1][0])


def test_label_built_graphs_are_refused():
    with pytest.raises(UserError, match=r"ClassAware\(mode='same'.*built from labels"):
        refine_in_neighbourhoods(
            refiner(), Compose([ClassAware("same"), DropEdge(0.1)]), features(), neighbourhoods=NearestNeighbourhoods(3)
        )


def test_more_neighbours_than_images():
    assert refine_in_neighbourhoods(
        refiner(), Complete(), features(3), neighbourhoods=NearestNeighbourhoods(9)
    ).shape == (3, 8)


def test_neighbours_of_duplicates_go_by_index_and_leave_out_oneself():
    assert nearest_neighbours(torch.ones(4, 2), 2, block=3).tolist() == [[1, 2], [0, 2], [0, 1], [0, 1]]


def test_queries_join_no_neighbourhood():
    """Each image, query or not, is refined among itself and its nearest gallery images."""
    x, query = features(9), torch.tensor([1, 0, 0, 1, 0, 0, 1, 0, 1]).bool()
    module = refiner()
    found = refine_in_neighbourhoods(module, Complete(), x, neighbourhoods=NearestNeighbourhoods(3), query=query)
    for i in range(9):
        others = sorted((j for j in range(9) if j != i and not query[j]), key=lambda j: -float(x[i] @ x[j]))[:3]
        expected = module(x[[i, *others]]).features[-1][0]
        torch.testing.assert_close(found[i], expected)


def test_as_many_neighbours_as_the_gallery_has():
    x, query = features(6), torch.tensor([1, 1, 0, 0, 1, 1]).bool()
    module = refiner()
    found = refine_in_neighbourhoods(module, Complete(), x, neighbourhoods=NearestNeighbourhoods(4), query=query)
    torch.testing.assert_close(found[2], module(x[[2, 3]]).features[-1][0])
    assert found.shape == (6, 8)


@pytest.mark.parametrize("query", [None, torch.arange(40) % 4 == 1])
@pytest.mark.parametrize("output", ["last", "concatenated"])
def test_reciprocal_neighbourhoods_one_tiny_graph_at_a_time(query, output):
    """Whichever images they are (`test_neighbourhoods.py` says that), each is refined in the graph of its own."""
    x, module, rule = features(40), refiner(output=output).float(), ReciprocalNeighbourhoods(6, k1=10)
    x = x.float()
    found = refine_in_neighbourhoods(module, Complete(), x, neighbourhoods=rule, query=query)
    for i, group in enumerate(rule(x, query=query).tolist()):
        with torch.no_grad():
            alone = module(normalize(x[group], dim=1), to_sparse(x[group], None, None)[0]).features[-1][0]
        torch.testing.assert_close(found[i], alone, atol=1e-5, rtol=0)


def test_the_published_way_gives_the_same_embeddings():
    """Image by image, as the benchmark of evaluation has it."""
    published = runpy.run_path(str(Path(__file__).resolve().parents[2] / "benchmarks" / "published_refining.py"))
    centres = torch.randn(12, 32, generator=torch.Generator().manual_seed(2))
    x = normalize(centres[torch.arange(150) % 12] + 0.8 * features(150, 32).float() * 32**0.5, dim=1)
    torch.manual_seed(1)
    module = Refiner(32, 3, partial(DotProductAttention, num_heads=2, quiet=True)).eval()
    groups = published["published_neighbourhoods"](x)
    assert [sorted(group) for group in groups] == ReciprocalNeighbourhoods()(x).sort(dim=1).values.tolist()
    ours = refine_in_neighbourhoods(module, Complete(), x, neighbourhoods=ReciprocalNeighbourhoods())
    torch.testing.assert_close(ours, published["published_refine"](module, x, groups), atol=1e-5, rtol=0)


@pytest.mark.parametrize("rule", [NearestNeighbourhoods(4), ReciprocalNeighbourhoods(4)])
def test_nan_stays_nan(rule):
    """So that a run whose weights have diverged is seen as such."""
    x = features(30)
    x[:9] = torch.nan
    found = refine_in_neighbourhoods(refiner(), Complete(), x, neighbourhoods=rule)
    assert found.shape == (30, 8)
    assert found[:9].isnan().all()
    torch.testing.assert_close(found[9:], refine_in_neighbourhoods(refiner(), Complete(), x[9:], neighbourhoods=rule))
