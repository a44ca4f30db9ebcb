"""Smooth AP against the formula in loops, and against the average precision that it becomes."""

import math

import pytest
import torch
from sklearn.metrics import average_precision_score
from torch.nn.functional import normalize

from gnn_dml.losses import SmoothAP
from gnn_dml.losses.term import BranchOutput


def batch(labels, dim=6, seed=0):
    x = torch.randn(len(labels), dim, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    return normalize(x, dim=1), torch.tensor(labels)


def slow(x, labels, temperature):
    n, found = len(labels), []
    s = [[sum(float(a) * float(b) for a, b in zip(x[i], x[j], strict=True)) for j in range(n)] for i in range(n)]
    for i in range(n):
        positives = [j for j in range(n) if j != i and labels[i] == labels[j]]
        precisions = []
        for j in positives:
            above = {k: 1 / (1 + math.exp(-(s[i][k] - s[i][j]) / temperature)) for k in range(n) if k not in (i, j)}
            among = 1 + sum(above[k] for k in positives if k != j)
            precisions.append(among / (1 + sum(above.values())))
        if positives:
            found.append(1 - sum(precisions) / len(precisions))
    return sum(found) / len(found) if found else 0.0


@pytest.mark.parametrize("labels", [[0, 0, 1, 1, 2, 2], [0, 1, 2], [0, 0, 0], [0, 0, 0, 1], [0, 0, 1, 1, 1, 2, 3]])
@pytest.mark.parametrize("temperature", [0.01, 0.1, 1.0])
def test_formula(labels, temperature):
    x, y = batch(labels)
    found = SmoothAP(temperature=temperature).compute(BranchOutput(x, None), y)
    assert found.item() == pytest.approx(slow(x, y, temperature), rel=1e-5, abs=1e-6)


def test_it_becomes_average_precision():
    x, y = batch([0, 0, 0, 1, 1, 2, 2, 2, 3, 3])
    cosines = x @ x.T
    exact = []
    for i in range(len(y)):
        others = [j for j in range(len(y)) if j != i]
        exact.append(average_precision_score((y[others] == y[i]).numpy(), cosines[i, others].numpy()))
    found = SmoothAP(temperature=1e-5).compute(BranchOutput(x, None), y)
    assert found.item() == pytest.approx(1 - sum(exact) / len(exact), abs=1e-4)


def test_a_step_along_the_gradient_lowers_it():
    x, y = batch([0, 0, 0, 1, 1, 1, 2, 2])
    x = x.float().requires_grad_()
    before = SmoothAP(temperature=0.1).compute(BranchOutput(x, None), y)
    before.backward()
    assert x.grad.isfinite().all()
    moved = (x - 0.1 * x.grad).detach()
    assert SmoothAP(temperature=0.1).compute(BranchOutput(moved, None), y) < before


def test_copies_and_lone_images_give_finite_gradients():
    x = torch.ones(4, 3, requires_grad=True)
    SmoothAP().compute(BranchOutput(x, None), torch.tensor([0, 0, 1, 2])).backward()
    assert x.grad.isfinite().all()
    alone = torch.eye(3, requires_grad=True)
    found = SmoothAP().compute(BranchOutput(alone, None), torch.arange(3))
    found.backward()
    assert (found.item(), alone.grad.abs().max().item()) == (0.0, 0.0)


@pytest.mark.parametrize("wrong", [{"temperature": 0.0}, {"branch": "both?"}, {"weight": -1.0}])
def test_what_is_refused(wrong):
    with pytest.raises(ValueError, match=f"{next(iter(wrong))} must be"):
        SmoothAP(**wrong)
