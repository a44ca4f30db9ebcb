import math

import pytest
import torch

from gnn_dml.losses import BranchLoss
from gnn_dml.models import EmbedderOutput, RefinerOutput

LABELS = torch.tensor([0, 2, 1])


def outputs(layers=1):
    generator = torch.Generator().manual_seed(1)
    backbone, *refined = (torch.randn(3, 4, generator=generator, dtype=torch.float64) for _ in range(1 + layers))
    nothing = torch.zeros(3, 2)
    return EmbedderOutput(nothing, backbone), RefinerOutput((nothing,) * layers, tuple(refined))


def slow(logits, smoothing, temperature):
    """Minus the log-probabilities under the smoothed targets, entry by entry."""
    total = 0.0
    for row, label in zip((logits / temperature).tolist(), LABELS.tolist(), strict=True):
        log_sum = math.log(sum(math.exp(z) for z in row))
        for c, z in enumerate(row):
            target = smoothing / len(row) + (1 - smoothing if c == label else 0)
            total -= target * (z - log_sum)
    return total / len(LABELS)


@pytest.mark.parametrize("smoothing", [0.0, 0.1, 0.5])
@pytest.mark.parametrize("temperature", [0.2, 1.0, 3.0])
def test_equals_the_formula(smoothing, temperature):
    backbone, refined = outputs()
    loss = BranchLoss(smoothing=smoothing, temperature=temperature, backbone_weight=0.5, refined_weight=2.0)
    terms = loss(backbone, refined, LABELS)
    own = slow(backbone.logits, smoothing, temperature)
    other = slow(refined.logits[0], smoothing, temperature)
    assert terms.backbone.item() == pytest.approx(own)
    assert terms.refined.item() == pytest.approx(other)
    assert terms.total.item() == pytest.approx(0.5 * own + 2 * other)


def test_supervised_layers_are_averaged():
    backbone, refined = outputs(layers=3)
    terms = BranchLoss()(backbone, refined, LABELS)
    assert terms.refined.item() == pytest.approx(sum(slow(z, 0.1, 1.0) for z in refined.logits) / 3)


def test_without_a_refiner_only_the_backbone_counts():
    backbone, _ = outputs()
    terms = BranchLoss(backbone_weight=3.0)(backbone, None, LABELS)
    assert terms.refined is None
    assert terms.total.item() == pytest.approx(3 * slow(backbone.logits, 0.1, 1.0))


def test_an_embedder_without_classifier_cannot_be_trained():
    with pytest.raises(ValueError, match="no classifier"):
        BranchLoss()(EmbedderOutput(torch.zeros(3, 2), None), None, LABELS)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"smoothing": 1.0}, "below 1, not 1.0"),
        ({"temperature": 0.0}, "above 0, not 0.0"),
        ({"backbone_weight": -1.0}, "backbone_weight .* not -1.0"),
        ({"refined_weight": -1.0}, "refined_weight .* not -1.0"),
    ],
)
def test_wrong_arguments_are_named(arguments, message):
    with pytest.raises(ValueError, match=message):
        BranchLoss(**arguments)
