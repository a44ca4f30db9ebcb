"""The focal loss against its formula, image by image."""

import math

import pytest
import torch

from gnn_dml.losses import CrossEntropy, Focal
from gnn_dml.models import EmbedderOutput

LABELS = torch.tensor([0, 2, 1, 1])


def output(scale=1.0):
    logits = scale * torch.randn(4, 3, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    return EmbedderOutput(torch.zeros(4, 2), logits.requires_grad_())


def slow(logits, gamma, temperature):
    total = 0.0
    for row, label in zip((logits / temperature).tolist(), LABELS.tolist(), strict=True):
        p = math.exp(row[label]) / sum(math.exp(z) for z in row)
        total -= (1 - p) ** gamma * math.log(p)
    return total / len(LABELS)


@pytest.mark.parametrize("gamma", [0.0, 2.0, 7.0])
@pytest.mark.parametrize("temperature", [0.2, 1.0])
def test_equals_the_formula(gamma, temperature):
    backbone = output()
    found = Focal(gamma=gamma, temperature=temperature)(backbone, None, LABELS)
    assert found.item() == pytest.approx(slow(backbone.logits, gamma, temperature))


def test_no_gradient_goes_through_the_factor():
    """The gradient of an image is that of its cross-entropy, times the factor."""
    backbone = output()
    Focal(gamma=7.0)(backbone, None, LABELS).backward()
    p = backbone.logits.detach().softmax(dim=1)
    factor = (1 - p[torch.arange(4), LABELS]) ** 7
    one_hot = torch.eye(3, dtype=torch.float64)[LABELS]
    torch.testing.assert_close(backbone.logits.grad, factor[:, None] * (p - one_hot) / 4)


def test_gamma_0_is_the_cross_entropy():
    backbone = output()
    expected = CrossEntropy(smoothing=0.0)(backbone, None, LABELS)
    torch.testing.assert_close(Focal(gamma=0.0)(backbone, None, LABELS), expected)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [({"gamma": -1.0}, "gamma must be at least 0, not -1"), ({"temperature": 0.0}, "temperature must be above 0")],
)
def test_numbers_out_of_range_are_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        Focal(**arguments)


def test_a_branch_without_classes_is_refused():
    with pytest.raises(ValueError, match="no classifier"):
        Focal()(EmbedderOutput(torch.zeros(4, 2), None), None, LABELS)
