"""Multi-similarity against the formula in loops, and against pytorch-metric-learning's."""

import math

import pytest
import torch
from pytorch_metric_learning.losses import MultiSimilarityLoss
from torch.nn.functional import normalize

from gnn_dml.losses import MultiSimilarity
from gnn_dml.losses.term import BranchOutput


def batch(labels, dim=6, seed=0):
    x = torch.randn(len(labels), dim, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    return normalize(x, dim=1), torch.tensor(labels)


def slow(x, labels, alpha, beta, base):
    total = 0.0
    for i in range(len(labels)):
        pull = push = 1.0
        for j in range(len(labels)):
            cosine = sum(float(a) * float(b) for a, b in zip(x[i], x[j], strict=True))
            if j != i and labels[i] == labels[j]:
                pull += math.exp(-alpha * (cosine - base))
            if labels[i] != labels[j]:
                push += math.exp(beta * (cosine - base))
        total += math.log(pull) / alpha + math.log(push) / beta
    return total / len(labels)


@pytest.mark.parametrize("labels", [[0, 0, 1, 1, 2, 2], [0, 1, 2], [0, 0, 0], [0, 0, 0, 1]])
@pytest.mark.parametrize(("alpha", "beta", "base"), [(2.0, 40.0, 0.5), (1.0, 10.0, 0.0)])
def test_formula(labels, alpha, beta, base):
    x, y = batch(labels)
    found = MultiSimilarity(alpha=alpha, beta=beta, base=base).compute(BranchOutput(x, None), y)
    assert found.item() == pytest.approx(slow(x, y, alpha, beta, base), rel=1e-5)


@pytest.mark.parametrize("seed", range(3))
def test_values_and_gradients_of_a_peer(seed):
    x, y = batch([0, 0, 0, 1, 1, 2, 2, 2, 3, 3], seed=seed)
    ours, theirs = (x.float().clone().requires_grad_() for _ in range(2))
    MultiSimilarity().compute(BranchOutput(ours, None), y).backward()
    found = MultiSimilarityLoss(alpha=2, beta=40, base=0.5)(theirs, y)
    found.backward()
    assert MultiSimilarity().compute(BranchOutput(ours, None), y).item() == pytest.approx(found.item(), rel=1e-5)
    torch.testing.assert_close(ours.grad, theirs.grad, atol=1e-6, rtol=1e-4)


def test_no_overflow():
    x = torch.tensor([[1.0, 0.0], [1.0, 0.0], [-1.0, 0.0]])
    found = MultiSimilarity(beta=1e4).compute(BranchOutput(x, None), torch.tensor([0, 1, 0]))
    assert found.isfinite()


@pytest.mark.parametrize("wrong", [{"alpha": 0.0}, {"beta": -1.0}, {"branch": "both?"}, {"weight": -1.0}])
def test_what_is_refused(wrong):
    with pytest.raises(ValueError, match=f"{next(iter(wrong))} must be"):
        MultiSimilarity(**wrong)
