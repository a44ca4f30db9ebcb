"""The published graph generator, re-derived pair by pair, and against edges that the published code made."""

import json
import math
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from torch_geometric.data import Data

from gnn_dml.graphs import Threshold

REFERENCE = sorted((Path(__file__).parents[1] / "official" / "reference").glob("dev_*.npz"))


def slow_similarity(a, b, similarity):
    """Pearson's correlation or the cosine of two lists."""
    if similarity == "correlation":
        a, b = ([value - sum(row) / len(row) for value in row] for row in (a, b))
    lengths = math.sqrt(sum(value**2 for value in a)) * math.sqrt(sum(value**2 for value in b))
    return sum(one * other for one, other in zip(a, b, strict=True)) / lengths


def slow_edges(x, threshold, similarity, negatives, loop):
    """{(target, source): weight}, one pair after the other."""
    rows = x.tolist()
    pairs = {(i, j): slow_similarity(a, b, similarity) for i, a in enumerate(rows) for j, b in enumerate(rows)}
    lowest = min(pairs.values())
    edges = {}
    for (i, j), value in pairs.items():
        weight = max(value, 0.0) if negatives == "hard" else value - lowest
        if i == j and loop is not None:
            if loop:
                edges[i, j] = weight
            continue
        if i == j and negatives == "soft":
            weight = 0.0
        if threshold is None or weight > threshold:
            edges[i, j] = weight
    return edges


def found_edges(topology, x):
    data = topology(Data(x=x))
    return {(i, j): w for (j, i), w in zip(data.edge_index.T.tolist(), data.edge_weight.tolist(), strict=True)}


@given(
    threshold=st.sampled_from([None, -0.5, 0.0, 0.05, 0.4, 0.95, 1.5]),
    similarity=st.sampled_from(["correlation", "cosine"]),
    negatives=st.sampled_from(["hard", "soft"]),
    loop=st.sampled_from([None, True, False]),
    n=st.integers(2, 9),
    seed=st.integers(0, 10_000),
)
@settings(deadline=None, max_examples=50)
def test_edges_and_weights_are_those_of_every_pair(threshold, similarity, negatives, loop, n, seed):
    assume(threshold != 1.5 or negatives == "soft")  # no similarity is larger than 1 with "hard"
    x = torch.randn(n, 5, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    expected = slow_edges(x, threshold, similarity, negatives, loop)
    found = found_edges(Threshold(threshold, similarity=similarity, negatives=negatives, loop=loop), x)
    # The least similar pair of "soft" has weight 0, up to rounding in the slow sums.
    doubtful = {pair for pair, weight in expected.items() if weight < 1e-12 and threshold == 0 and pair[0] != pair[1]}
    assert found.keys() | doubtful == expected.keys() | doubtful
    for pair in found.keys() & expected.keys():
        assert found[pair] == pytest.approx(expected[pair], abs=1e-12)


@pytest.mark.parametrize("path", REFERENCE, ids=lambda path: path.stem)
def test_edges_and_weights_are_the_published_ones(path):
    with np.load(path) as archive:
        x, edge_index, edge_weight = (archive[name] for name in ("x", "edge_index", "edge_weight"))
        meta = json.loads(str(archive["meta"]))
    expected = {(i, j): w for (j, i), w in zip(edge_index.tolist(), edge_weight.tolist(), strict=True)}
    threshold = None if meta["thresh"] == "no" else meta["thresh"]
    topology = Threshold(threshold, similarity=meta["sim_type"], negatives=meta["set_negative"])
    found = found_edges(topology, torch.from_numpy(x))
    assert found.keys() == expected.keys()
    assert found == pytest.approx(expected, abs=1e-6)


def test_there_is_a_published_reference():
    assert len(REFERENCE) >= 3


@pytest.mark.parametrize(
    ("threshold", "negatives", "expected"),
    [
        (None, "hard", 1.0),
        (0.9, "hard", 1.0),
        (None, "soft", 0.0),
        (-0.1, "soft", 0.0),
        (0.0, "soft", None),
    ],
)
def test_self_loops_of_the_published_graph(threshold, negatives, expected):
    """The weight of every node's self-loop, or None where there are none."""
    x = torch.randn(6, 4, generator=torch.Generator().manual_seed(1))
    found = found_edges(Threshold(threshold, negatives=negatives), x)
    for i in range(6):
        assert found.get((i, i)) == (None if expected is None else pytest.approx(expected))


def test_every_pair_builds_no_matrix_of_edges():
    x = torch.randn(4, 3)
    for loop in (None, True):
        edges, weight = Threshold(None, loop=loop).edges(x)
        assert edges is None
        assert weight.shape == (4, 4)
    assert Threshold(None, loop=False).adjacency(x).sum() == 12


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32, torch.float64])
@pytest.mark.parametrize("negatives", ["hard", "soft"])
def test_constant_channels_correlate_with_nothing(dtype, negatives):
    """Channels that are all 0.1 have a mean that is not 0.1, to the last bit."""
    x = torch.randn(5, 7, generator=torch.Generator().manual_seed(0)).to(dtype)
    x[1], x[2], x[3] = 0.1, 0.0, -3.3
    weight = Threshold(None, negatives=negatives, loop=True).edges(x).edge_weight
    assert weight.isfinite().all()
    zero = 0.0 if negatives == "hard" else weight[1, 2]
    assert (weight[1:4] == zero).all()
    assert (weight[:, 1:4] == zero).all()


def test_duplicates_are_as_similar_as_can_be():
    weight = Threshold(0.5).edges(torch.randn(1, 6).expand(4, 6)).edge_weight
    torch.testing.assert_close(weight, torch.ones(4, 4))
    assert weight.max() <= 1


def test_half_precision_is_computed_in_single():
    """A correlation of 0.9976 would be 0.9961 in bfloat16, below the threshold."""
    x = torch.tensor([[1.0, 0.0, -1.0], [1.0, 0.125, -1.0], [1.0, 0.25, -1.0]])
    single, half = Threshold(0.997).edges(x), Threshold(0.997).edges(x.bfloat16())
    assert single.edges.int().tolist() == [[1, 1, 0], [1, 1, 1], [0, 1, 1]]
    assert torch.equal(single.edges, half.edges)
    torch.testing.assert_close(half.edge_weight, single.edge_weight.bfloat16())


def test_weights_carry_gradient_and_the_choice_does_not():
    x = torch.randn(5, 4, dtype=torch.float64, requires_grad=True)
    edges, weight = Threshold(0.1, negatives="soft").edges(x)
    assert not edges.requires_grad
    assert torch.autograd.gradcheck(lambda x: Threshold(0.1, negatives="soft").edges(x).edge_weight, x)
    weight.sum().backward()
    assert x.grad.isfinite().all()


def test_constant_channels_give_a_finite_gradient():
    x = torch.ones(3, 4, requires_grad=True)
    Threshold(None).edges(x).edge_weight.sum().backward()
    assert x.grad.isfinite().all()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"threshold": float("nan")}, "finite number or None, not nan"),
        ({"threshold": 1.0}, "below 1 with negatives=hard, not 1.0: no similarity is larger"),
        ({"threshold": 2.0, "negatives": "soft"}, "below 2 with negatives=soft, not 2.0: no similarity is larger"),
        ({"threshold": 0.1, "similarity": "dot"}, "correlation, cosine, not 'dot'"),
        ({"threshold": 0.1, "negatives": "medium"}, "hard, soft, not 'medium'"),
    ],
)
def test_wrong_arguments_are_named(arguments, message):
    with pytest.raises(ValueError, match=message):
        Threshold(**arguments)
