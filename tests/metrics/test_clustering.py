import math
import warnings
from collections import Counter

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from gnn_dml.metrics import clustering


def slow_nmi(a, b):
    """Mutual information over the mean of the two entropies."""
    n = len(a)

    def entropy(labels):
        return -sum(c / n * math.log(c / n) for c in Counter(labels).values())

    both, left, right = Counter(zip(a, b, strict=True)), Counter(a), Counter(b)
    mutual = sum(c / n * math.log(n * c / (left[x] * right[y])) for (x, y), c in both.items())
    return 2 * mutual / (entropy(a) + entropy(b))


def test_separated_classes_are_found():
    y = torch.arange(4).repeat_interleave(6)
    x = torch.eye(4)[y] + 0.01 * torch.randn(24, 4, generator=torch.Generator().manual_seed(0))
    found = clustering(x, y, seed=0)
    assert found["nmi"] == pytest.approx(1.0)
    assert found["ami"] == pytest.approx(1.0)


def test_nmi_is_the_formula_where_the_clustering_is_known():
    """Two tight groups, and a label that disagrees with one point of them."""
    x = torch.tensor([[1.0, 0.0]] * 4 + [[0.0, 1.0]] * 4) + 0.001 * torch.arange(16).view(8, 2)
    labels = [0, 0, 0, 1, 1, 1, 1, 1]
    found = clustering(x, torch.tensor(labels), seed=0)
    assert found["nmi"] == pytest.approx(slow_nmi(labels, [0] * 4 + [1] * 4))


def test_chance_is_corrected_in_ami_only():
    generator = torch.Generator().manual_seed(0)
    x, y = torch.randn(200, 8, generator=generator), torch.randint(50, (200,), generator=generator)
    found = clustering(x, y, seed=0)
    assert found["nmi"] > 0.4
    assert abs(found["ami"]) < 0.15


def test_the_seed_decides_and_length_does_not_matter():
    generator = torch.Generator().manual_seed(1)
    x, y = torch.randn(60, 4, generator=generator), torch.arange(60) % 6
    assert clustering(x, y, seed=3) == clustering(x, y, seed=3)
    assert clustering(x * 4, y, seed=3) == clustering(x, y, seed=3)


@given(power=st.sampled_from([-1000, -300, -70, -40, 40, 60, 120, 300, 900]), seed=st.integers(0, 99))
@settings(max_examples=6)
def test_the_unit_makes_no_difference(power, seed):
    generator = torch.Generator().manual_seed(seed)
    x, y = torch.randn(24, 3, generator=generator, dtype=torch.float64), torch.arange(24) % 4
    moved = torch.from_numpy(np.ldexp(x.numpy(), power))
    assert clustering(moved, y, seed=0) == clustering(x, y, seed=0)


def test_without_normalisation_distances_cluster():
    """Two classes in one direction, which their lengths alone tell apart."""
    y = torch.arange(20) % 2
    x = torch.tensor([[3.0, 4.0]]) * (1 + y[:, None]) + 0.01 * torch.arange(40).view(20, 2) / 40
    assert clustering(x, y, seed=0, normalize=False) == pytest.approx({"nmi": 1.0, "ami": 1.0})
    assert clustering(x, y, seed=0)["nmi"] < 0.5


@given(power=st.sampled_from([-1000, -300, -40, 60, 300, 900]), seed=st.integers(0, 99))
@settings(max_examples=6)
def test_without_normalisation_neither_unit_nor_offset_makes_a_difference(power, seed):
    generator = torch.Generator().manual_seed(seed)
    x, y = torch.randint(-9, 10, (24, 3), generator=generator).double(), torch.arange(24) % 4
    found = clustering(x, y, seed=0, normalize=False)
    assert clustering(torch.from_numpy(np.ldexp(x.numpy(), power)), y, seed=0, normalize=False) == found
    assert clustering(x + 3 * 2.0**20, y, seed=0, normalize=False)["nmi"] == pytest.approx(found["nmi"], abs=1e-9)


@pytest.mark.parametrize("labels", [[], [0], [0, 1], [4, 4, 4, 4], [0, 1, 2, 3, 4]])
def test_where_every_clustering_is_right_there_is_no_figure(labels):
    found = clustering(torch.randn(len(labels), 3), torch.tensor(labels), seed=0)
    assert math.isnan(found["nmi"])
    assert math.isnan(found["ami"])


@pytest.mark.parametrize("backend", ["scikit-learn", "faiss"])
@pytest.mark.parametrize("row", [[1.0, 2.0], [0.0, 0.0]])
def test_copies_tell_nothing_apart_and_nobody_is_warned(backend, row):
    x, y = torch.tensor(row).repeat(12, 1), torch.arange(12) % 3
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = clustering(x, y, seed=0, backend=backend)
    assert found == pytest.approx({"nmi": 0, "ami": 0}, abs=1e-9)


@pytest.mark.parametrize("labels", [[0, 0], [0, 1, 1]])
def test_what_cannot_cluster_is_refused_also_where_there_is_nothing_to_cluster(labels):
    x, y = torch.eye(len(labels)), torch.tensor(labels)
    with pytest.raises(ValueError, match="restarts"):
        clustering(x, y, seed=0, restarts=0)
    with pytest.raises(ValueError, match="backend"):
        clustering(x, y, seed=0, backend="spark")
