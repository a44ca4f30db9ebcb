"""Which path is taken, seen from outside: the two differ in the last bits and in what they refuse."""

import math

import pytest
import torch

from gnn_dml.layers import DotProductAttention, GATConv, GATv2Conv, TransformerConv
from gnn_dml.layers.edges import to_sparse
from gnn_dml.layers.path import Crossover, choose_path

LAYERS = [DotProductAttention, GATConv, GATv2Conv, TransformerConv]
RULE = Crossover((50, 100), (100, 400), (1000, 40_000))


def ring(n, degree):
    """Every node hears the `degree` nodes before it."""
    index = torch.arange(n)
    return torch.stack([torch.cat([index] * degree), torch.cat([index.roll(-s) for s in range(1, degree + 1)])])


def as_matrix(edge_index, n):
    adjacency = torch.zeros(n, n, dtype=torch.bool)
    adjacency[edge_index[1], edge_index[0]] = True
    return adjacency


@pytest.mark.parametrize(
    ("nodes", "edges"), [(50, 100), (100, 400), (1000, 40_000), (200, 1600), (10, 4), (10_000, 4_000_000)]
)
def test_the_rule_goes_through_its_points_and_on(nodes, edges):
    """The points lie on edges = nodes^2 / 25, so everything between and beyond does."""
    assert RULE.edges(nodes) == pytest.approx(edges)


def test_between_two_points_the_nearest_pair_counts():
    rule = Crossover((10, 10), (100, 100), (1000, 100_000))
    assert rule.edges(30) == pytest.approx(30)
    assert rule.edges(1000 / 10**0.5) == pytest.approx(100 * 10**1.5)


@pytest.mark.parametrize(
    ("n", "degree", "dense"),
    [
        (50, 3, True),
        (50, 1, False),
        (100, 5, True),
        (100, 3, False),
        (1000, 41, True),
        (1000, 39, False),
    ],
)
def test_auto_weighs_edges_against_nodes(n, degree, dense):
    x, edges = torch.zeros(n, 4), ring(n, degree)
    assert choose_path("auto", x, edges, RULE).dense is dense
    assert choose_path("auto", x, as_matrix(edges, n), RULE).dense is dense
    batched = torch.stack([as_matrix(edges, n)] * 3)
    assert choose_path("auto", torch.zeros(3, n, 4), batched, RULE).dense is dense
    assert choose_path("auto", torch.zeros(3, n, 4), edges, RULE).dense is dense


def test_complete_graph_is_dense_and_force_decides():
    x, edges = torch.zeros(1000, 4), ring(1000, 2)
    assert choose_path("auto", x, None, RULE).dense
    assert choose_path("dense", x, edges, RULE).dense
    assert not choose_path("sparse", x, None, RULE).dense


def test_repeated_edges_stay_sparse():
    edges = ring(10, 4)
    assert choose_path("auto", torch.zeros(10, 4), edges, RULE).dense
    assert not choose_path("auto", torch.zeros(10, 4), torch.cat([edges, edges[:, :1]], dim=1), RULE).dense


@pytest.mark.parametrize("layer", LAYERS)
@pytest.mark.parametrize(("n", "degree"), [(54, 53), (54, 8), (300, 3)])
def test_auto_computes_what_both_paths_compute(layer, n, degree):
    """Equal to the bit with one of them, and close to the other."""
    generator = torch.Generator().manual_seed(0)
    x = torch.nn.functional.normalize(torch.randn(n, 16, generator=generator), dim=1)
    make = layer if layer is DotProductAttention else layer.for_dim
    made = {backend: make(16, num_heads=2, backend=backend) for backend in ("auto", "dense", "sparse")}
    for other in ("dense", "sparse"):
        made[other].load_state_dict(made["auto"].state_dict())
    edges = ring(n, degree)
    for form in (edges, as_matrix(edges, n)):
        out = {backend: module(x, form) for backend, module in made.items()}
        chosen = "dense" if layer.crossover.prefers_dense(n, n * degree) else "sparse"
        torch.testing.assert_close(out["dense"], out["sparse"], atol=1e-5, rtol=0)
        given = form if chosen == "dense" or form.dtype == torch.long else to_sparse(x, form, None)[0]
        assert torch.equal(out["auto"], made[chosen](x, given))


@pytest.mark.parametrize("layer", LAYERS)
@pytest.mark.parametrize(("nodes", "edges"), [(20_000, 200_000), (169_343, 1_200_000)])
def test_a_large_sparse_graph_costs_no_matrix(layer, nodes, edges):
    """One of all pairs would take 28 GB at the larger size."""
    edge_index = torch.randint(nodes, (2, edges))
    assert choose_path("auto", torch.zeros(nodes, 1), edge_index, layer.crossover) == (False, None)


@pytest.mark.parametrize("layer", LAYERS)
def test_beyond_what_was_measured_the_share_of_edges_decides(layer):
    last = math.exp(layer.crossover.points[-1][0])
    share = layer.crossover.edges(round(last)) / last**2
    for factor in (2, 10, 100):
        n = round(factor * last)
        assert layer.crossover.edges(n) / n**2 == pytest.approx(share, rel=1e-3)
