"""Figures equal a loop in float64 whatever the scale, the offset, rows far away, and collapse."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from gnn_dml.metrics import retrieval


def clusters(n, dim, classes, seed):
    generator = np.random.default_rng(seed)
    y = np.arange(n) % classes
    return generator.standard_normal((classes, dim))[y] + 1.2 * generator.standard_normal((n, dim)), y, generator


def change(kind, x, generator):
    """Float64 embeddings, and the dtype in which they go on holding what the kind is about."""
    if kind == "outliers":
        x[generator.integers(len(x), size=3)] *= 10.0 ** generator.integers(3, 12)
    elif kind == "offset":
        x = x + 10.0 ** generator.integers(1, 7) * generator.standard_normal(x.shape[1])
    elif kind == "collapse":
        x = generator.standard_normal(x.shape[1]) + 10.0 ** -generator.integers(2, 6) * x
    elif kind == "many scales":
        x = x * np.exp(3 * generator.standard_normal((len(x), 1)))
    elif kind == "two heaps":
        x = 1e-3 * x + np.where(generator.random((len(x), 1)) < 0.5, 5, -5)
    elif kind == "copies":
        x = x[generator.integers(4, size=len(x))]
    return x


KINDS = ["plain", "outliers", "offset", "collapse", "many scales", "two heaps", "copies"]


@given(
    kind=st.sampled_from(KINDS),
    power=st.sampled_from([0, 0, 0, -600, 600]),
    metric=st.sampled_from(["cosine", "euclidean"]),
    narrow=st.booleans(),
    n=st.integers(4, 60),
    dim=st.integers(2, 12),
    seed=st.integers(0, 9999),
    data=st.data(),
)
@settings(deadline=None, max_examples=35)
@pytest.mark.filterwarnings("ignore:.*the figures are exact")
def test_figures_are_those_of_a_float64_loop(
    kind, power, metric, narrow, n, dim, seed, data, slow_retrieval, with_any_sizes
):
    x, y, generator = clusters(n, dim, 1 + n // 4, seed)
    x = change(kind, x, generator)
    if narrow and power == 0:
        x = x.astype(np.float32)
    expected = slow_retrieval(x, y, metric=metric)
    found = with_any_sizes(data, lambda: retrieval(np.ldexp(x, power), y, ks=(1, 2, 4), metric=metric))
    for name in ("recall@1", "recall@2", "recall@4", "map@r", "r_precision", "unmatched"):
        assert found[name] == pytest.approx(expected[name], abs=1e-9), name


@pytest.mark.parametrize("metric", ["cosine", "euclidean"])
@pytest.mark.parametrize("factor", [1e-36, 1e-20, 1e19, 1e36])
def test_float32_of_any_size(metric, factor, slow_retrieval):
    x, y, _ = clusters(80, 8, 10, 0)
    scaled = torch.tensor(x * factor).float()
    expected = slow_retrieval(scaled.double().numpy() / factor, y, metric=metric)
    assert retrieval(scaled, y, metric=metric)["map@r"] == pytest.approx(expected["map@r"], abs=1e-9)


@pytest.mark.parametrize(
    ("change", "metric", "said"),
    [
        (lambda x: 1 + 1e-4 * x, "cosine", "all cosines looked at are within .* of 1: .* has collapsed"),
        (lambda x: torch.ones_like(x), "cosine", "has collapsed"),
        (lambda x: torch.cat([x[:-2], 1e5 * x[-2:]]), "euclidean", "2 of 100 embeddings lie more than 16 times as far"),
        (lambda x: x + 1e6, "euclidean", "times as far from zero as from one another"),
    ],
)
def test_an_unusual_space_is_said(change, metric, said):
    x = torch.randn(100, 8, generator=torch.Generator().manual_seed(0)).double()
    with pytest.warns(UserWarning, match=said):
        retrieval(change(x), torch.arange(100) % 7, metric=metric)


@pytest.mark.parametrize("metric", ["cosine", "euclidean"])
def test_a_usual_space_is_not(metric, recwarn):
    x = torch.randn(100, 8, generator=torch.Generator().manual_seed(0))
    retrieval(x, torch.arange(100) % 7, metric=metric)
    retrieval(3 + x, torch.arange(100) % 7, metric=metric)
    assert not [one for one in recwarn if "figures are exact" in str(one.message)]
