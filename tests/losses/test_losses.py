"""The terms of the loss against the formula, entry by entry."""

import math

import pytest
import torch
from torch import nn

from gnn_dml.losses import CrossEntropy, EmbeddingLoss, Losses
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


def both(refined_temperature=1.0, backbone_weight=1.0, refined_weight=1.0, **settings):
    refined = {**settings, "temperature": refined_temperature}
    return Losses(
        {
            "backbone": CrossEntropy(weight=backbone_weight, **settings),
            "refined": CrossEntropy(branch="refined", weight=refined_weight, **refined),
        }
    )


@pytest.mark.parametrize("smoothing", [0.0, 0.1, 0.5])
@pytest.mark.parametrize("temperature", [0.2, 1.0, 3.0])
def test_equals_the_formula_with_a_temperature_for_each_branch(smoothing, temperature):
    backbone, refined = outputs()
    losses = both(0.7, 0.5, 2.0, smoothing=smoothing, temperature=temperature)
    terms = losses(backbone, refined, LABELS)
    own, other = slow(backbone.logits, smoothing, temperature), slow(refined.logits[0], smoothing, 0.7)
    assert {name: term.item() for name, term in terms.items()} == pytest.approx({"backbone": own, "refined": other})
    assert losses.total(terms).item() == pytest.approx(0.5 * own + 2 * other)


def test_supervised_layers_are_averaged():
    backbone, refined = outputs(layers=3)
    terms = both()(backbone, refined, LABELS)
    assert terms["refined"].item() == pytest.approx(sum(slow(z, 0.1, 1.0) for z in refined.logits) / 3)


def test_supervised_layers_can_be_summed_as_published():
    backbone, refined = outputs(layers=3)
    terms = both(layers="sum")(backbone, refined, LABELS)
    assert terms["refined"].item() == pytest.approx(sum(slow(z, 0.1, 1.0) for z in refined.logits))
    assert terms["backbone"].item() == pytest.approx(slow(backbone.logits, 0.1, 1.0))
    with pytest.raises(ValueError, match="layers must be one of mean, sum, not 'both'"):
        both(layers="both")


def test_a_term_on_both_branches_is_the_mean_of_both():
    backbone, refined = outputs()
    (found,) = Losses({"all": CrossEntropy(branch="both")})(backbone, refined, LABELS).values()
    assert found.item() == pytest.approx((slow(backbone.logits, 0.1, 1.0) + slow(refined.logits[0], 0.1, 1.0)) / 2)


def test_without_a_refiner_only_the_backbone_counts():
    backbone, _ = outputs()
    losses = both(backbone_weight=3.0)
    terms = losses(backbone, None, LABELS)
    assert list(terms) == ["backbone"]
    assert losses.total(terms).item() == pytest.approx(3 * slow(backbone.logits, 0.1, 1.0))


def test_a_loss_without_an_active_term_is_refused():
    backbone, _ = outputs()
    losses = Losses({"refined": CrossEntropy(branch="refined")})
    with pytest.raises(ValueError, match="no loss term is active"):
        losses.total(losses(backbone, None, LABELS))


def test_an_embedder_without_classifier_cannot_be_trained():
    with pytest.raises(ValueError, match="no classifier"):
        both()(EmbedderOutput(torch.zeros(3, 2), None), None, LABELS)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"smoothing": 1.0}, r"below 1, not 1\.0"),
        ({"temperature": 0.0}, r"above 0, not 0\.0"),
        ({"weight": -1.0}, r"weight .* not -1\.0"),
        ({"weight": float("nan")}, "weight .* not nan"),
        ({"branch": "refiner"}, "branch must be one of backbone, refined, both, not 'refiner'"),
    ],
)
def test_wrong_arguments_are_named(arguments, message):
    with pytest.raises(ValueError, match=message):
        CrossEntropy(**arguments)


class Centres(nn.Module):
    """A loss with parameters: the squared distance to the centre of the class."""

    def __init__(self, num_classes, embedding_size):
        super().__init__()
        self.centres = nn.Parameter(torch.zeros(num_classes, embedding_size))

    def forward(self, embeddings, labels):
        return (embeddings - self.centres[labels]).square().sum(1).mean()


def test_a_loss_of_embeddings_gets_its_sizes_and_sees_its_branch():
    term = EmbeddingLoss(Centres, branch="refined", num_classes=4, dim=2)
    assert term.loss.centres.shape == (4, 2)
    backbone = EmbedderOutput(torch.full((3, 2), 9.0), None)
    refined = RefinerOutput((torch.tensor([[1.0, 0.0], [0.0, 2.0], [0.0, 0.0]]),), (torch.zeros(3, 4),))
    assert term(backbone, refined, LABELS).item() == pytest.approx(5 / 3)


def test_a_loss_that_gives_no_number_is_named():
    term = EmbeddingLoss(lambda x, y: x)
    with pytest.raises(ValueError, match=r"must give one number as a tensor, not a tensor of shape \(3, 2\)"):
        term(EmbedderOutput(torch.zeros(3, 2), None), None, LABELS)


def test_what_is_no_term_is_named_with_what_makes_one():
    with pytest.raises(TypeError, match=r"the loss term mine must be a .*LossTerm, not Centres; .*EmbeddingLoss"):
        Losses({"mine": Centres(2, 2)})
