"""The shape of the embedding space, against loops over pairs."""

import math
import sys
from itertools import combinations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from gnn_dml.metrics import diagnostics


def mean(values):
    return sum(values) / len(values) if values else math.nan


def slow(x, y):
    x = x.double().numpy()
    x = x / np.linalg.norm(x, axis=1, keepdims=True)
    y = y.tolist()
    pairs = list(combinations(range(len(x)), 2))
    distance = {(i, j): float(np.linalg.norm(x[i] - x[j])) for i, j in pairs}
    same = [(i, j) for i, j in pairs if y[i] == y[j]]
    centres = [x[[i for i in range(len(y)) if y[i] == c]].mean(0) for c in sorted(set(y))]
    inter = mean([float(np.linalg.norm(a - b)) for a, b in combinations(centres, 2)])
    values = np.linalg.svd(x, compute_uv=False)  # min(n, d) of them
    values = values / values.sum()
    with np.errstate(divide="ignore"):
        decay = float(np.mean(np.log(1 / len(values) / values)))
    return {
        "alignment": mean([distance[pair] ** 2 for pair in same]),
        "uniformity": math.log(mean([math.exp(-2 * distance[pair] ** 2) for pair in pairs])),
        "spectral_decay": decay,
        "intra_inter_ratio": mean([distance[pair] for pair in same]) / inter,
    }


@given(n=st.integers(8, 30), dim=st.sampled_from([2, 5, 40]), classes=st.integers(2, 6), seed=st.integers(0, 999))
@settings(deadline=None, max_examples=40)
def test_equals_the_loops(n, dim, classes, seed):
    generator = torch.Generator().manual_seed(seed)
    x, y = torch.randn(n, dim, generator=generator), torch.arange(n) % classes
    assert diagnostics(x, y) == pytest.approx(slow(x, y), rel=1e-4, abs=1e-5, nan_ok=True)


def test_an_even_spectrum_does_not_decay_and_a_flat_one_does():
    cross = torch.cat([torch.eye(4), -torch.eye(4)])
    assert diagnostics(cross, torch.arange(8))["spectral_decay"] == pytest.approx(0, abs=1e-9)
    noise = 1e-4 * torch.randn(8, 4, generator=torch.Generator().manual_seed(0))
    line = torch.tensor([[1.0, 0, 0, 0]]).repeat(8, 1) + noise
    assert diagnostics(line, torch.arange(8))["spectral_decay"] > 3


def test_of_many_embeddings_a_seeded_part_is_compared(monkeypatch):
    x = torch.randn(400, 6, generator=torch.Generator().manual_seed(0))
    whole = diagnostics(x, torch.arange(400) % 9)
    monkeypatch.setattr(sys.modules[diagnostics.__module__], "MOST", 200)
    first, again, other = (diagnostics(x, torch.arange(400) % 9, seed=seed) for seed in (0, 0, 1))
    assert first == again
    assert first["uniformity"] != other["uniformity"]
    assert first["uniformity"] == pytest.approx(whole["uniformity"], abs=0.1)
    assert first["alignment"] == whole["alignment"]


def test_where_there_is_nothing_to_compare():
    alone = diagnostics(torch.eye(3), torch.arange(3))
    assert math.isnan(alone["alignment"])
    assert math.isnan(alone["intra_inter_ratio"])
    assert math.isnan(diagnostics(torch.eye(3), torch.zeros(3))["intra_inter_ratio"])


def test_nan_is_an_error_that_counts_and_locates():
    x = torch.ones(5, 2)
    x[3, 0] = math.nan
    with pytest.raises(ValueError, match="1 of 5 embeddings hold NaN or infinity; the first is row 3"):
        diagnostics(x, torch.zeros(5))


@given(power=st.integers(-1000, 1000), seed=st.integers(0, 99))
@settings(max_examples=12)
def test_the_unit_makes_no_difference(power, seed):
    generator = torch.Generator().manual_seed(seed)
    x, y = torch.randn(9, 12, generator=generator, dtype=torch.float64), torch.arange(9) % 3
    assert diagnostics(torch.from_numpy(np.ldexp(x.numpy(), power)), y) == diagnostics(x, y)


@pytest.mark.parametrize("n", [3, 7])
def test_a_spectrum_with_zeros_decays_without_end_whatever_the_rounding(n):
    """Rows that span fewer directions than there are rows; also where there are fewer rows than channels."""
    for seed in range(12):
        generator = torch.Generator().manual_seed(seed)
        base = torch.randn(n, 5, generator=generator)
        twice = torch.cat([base, base])
        assert diagnostics(twice, torch.arange(2 * n) % n)["spectral_decay"] == (
            math.inf if n < 5 else pytest.approx(diagnostics(base, torch.arange(n))["spectral_decay"], rel=1e-6)
        )


@pytest.mark.parametrize("zeros", [1, 4])
def test_what_has_no_direction_has_no_space(zeros):
    x = torch.cat([torch.eye(4), torch.zeros(zeros, 4)])
    assert all(math.isnan(value) for value in diagnostics(x, torch.arange(len(x)) % 2).values())
    assert all(math.isnan(value) for value in diagnostics(torch.zeros(zeros, 4), torch.zeros(zeros)).values())


@pytest.mark.parametrize("shape", [(0, 4), (1, 4), (3, 0)])
def test_fewer_than_two_embeddings_have_no_space(shape):
    assert all(math.isnan(value) for value in diagnostics(torch.ones(shape), torch.zeros(shape[0])).values())


def test_a_collapsed_space_is_no_even_one():
    found = diagnostics(torch.ones(6, 3), torch.arange(6) % 2)
    assert (found["alignment"], found["uniformity"]) == pytest.approx((0, 0), abs=1e-6)
