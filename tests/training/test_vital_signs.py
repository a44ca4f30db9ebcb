"""The signs against what they are by definition, on learners that are alive, asleep and silent."""

import math
from functools import partial

import pytest
import torch

from gnn_dml.graphs import KNN, Complete, Isolated
from gnn_dml.layers import DotProductAttention, GATConv
from gnn_dml.losses import CrossEntropy, Losses
from gnn_dml.models import Embedder, Refiner
from gnn_dml.training.learner import Learner
from gnn_dml.training.vital_signs import VitalSigns

LABELS = torch.arange(4).repeat_interleave(3)
LAYER = partial(DotProductAttention, num_heads=2)


def losses(weight=1.0):
    return Losses(
        {"backbone": CrossEntropy(), "refined": CrossEntropy(branch="refined", temperature=0.5, weight=weight)}
    )


def observed(topology=None, *, terms=None, layer=LAYER, **options):
    torch.manual_seed(0)
    embedder = Embedder("small_cnn", dim=16, num_classes=4, width=4)
    learner = Learner(embedder, Refiner(16, 4, layer, **options), topology or Complete())
    losses_ = terms or losses()
    signs = VitalSigns(learner.refiner, losses_)
    output = learner(torch.randn(12, 3, 32, 32, generator=torch.Generator().manual_seed(1)), LABELS)
    found = losses_(output.backbone, output.refined, LABELS)
    signs.observe(output, found, LABELS)
    return learner, losses_, output, found, signs.row()


def test_asleep_and_awake():
    """At the published start attention is uniform; at the other it is not."""
    *_, asleep = observed()
    *_, awake = observed(start="expansion", scale_input=True)
    assert asleep["entropy_layer1"] > 0.9999
    assert asleep["logit_spread_layer1"] < 0.02
    assert awake["entropy_layer1"] < 0.99
    assert awake["logit_spread_layer1"] > 10 * asleep["logit_spread_layer1"]


def test_gradients_are_those_of_the_branches():
    learner, losses_, output, terms, row = observed(terms=losses(weight=0.7), start="expansion", scale_input=True)
    raw = output.backbone.raw
    one = torch.autograd.grad(terms["backbone"], raw, retain_graph=True)[0].flatten()
    other = torch.autograd.grad(0.7 * terms["refined"], raw, retain_graph=True)[0].flatten()
    assert row["gradient_share"] == pytest.approx((other.norm() / (one.norm() + other.norm())).item(), rel=1e-4)
    assert row["gradient_cosine"] == pytest.approx(torch.cosine_similarity(one, other, dim=0).item(), rel=1e-3)
    assert all(parameter.grad is None for parameter in learner.parameters())
    losses_.total(terms).backward()  # the graph of the step is still there


def test_watching_changes_no_gradient():
    learner, losses_, _, terms, _ = observed(start="expansion")
    losses_.total(terms).backward()
    watched = [parameter.grad.clone() for parameter in learner.parameters() if parameter.grad is not None]
    torch.manual_seed(0)
    embedder = Embedder("small_cnn", dim=16, num_classes=4, width=4)
    twin = Learner(embedder, Refiner(16, 4, LAYER, start="expansion"), Complete())
    output = twin(torch.randn(12, 3, 32, 32, generator=torch.Generator().manual_seed(1)), LABELS)
    losses_.total(losses_(output.backbone, output.refined, LABELS)).backward()
    alone = [parameter.grad for parameter in twin.parameters() if parameter.grad is not None]
    assert all(torch.equal(a, b) for a, b in zip(watched, alone, strict=True))


def test_detached_nodes_teach_the_backbone_nothing():
    *_, row = observed(detached=True)
    assert row["gradient_share"] == 0
    assert math.isnan(row["gradient_cosine"])


def test_cross_entropy_of_one_who_guesses_is_one():
    *_, row = observed()
    assert row["ce_of_guessing_refined"] == pytest.approx(1, abs=0.01)  # the classifier starts next to 0
    _, _, _, terms, row = observed(terms=Losses({"backbone": CrossEntropy()}))
    assert row["ce_of_guessing_backbone"] == pytest.approx(terms["backbone"].item() / math.log(4), rel=1e-5)
    assert "ce_of_guessing_refined" not in row
    assert "gradient_share" not in row


@pytest.mark.parametrize("layer", [LAYER, partial(GATConv.for_dim, num_heads=2)])
@pytest.mark.parametrize("topology", [Complete(), KNN(3, loop=False)])
@pytest.mark.parametrize("norm", ["after", "before", "none"])
def test_size_of_the_messages(layer, topology, norm):
    learner, _, output, _, row = observed(topology, layer=layer, num_layers=2, norm=norm, gate=0.5)
    x = learner.eval().refiner._nodes(output.backbone.features.detach())
    for number, block in enumerate(learner.refiner.blocks, start=1):
        message = block.messages(x, output.edges.edges)
        expected = message.norm(dim=1).mean() / x.norm(dim=1).mean()
        assert row[f"message_layer{number}"] == pytest.approx(expected.item(), rel=1e-4)
        x = block(x, output.edges.edges)


def test_a_closed_gate_is_no_message():
    *_, row = observed(gate=0.0)
    assert row["message_layer1"] == 0


def test_isolated_images_have_no_attention_to_speak_of():
    *_, row = observed(Isolated())
    assert math.isnan(row["entropy_layer1"])
    assert math.isnan(row["purity_chance"])


def test_without_a_refiner_there_is_nothing_to_see():
    embedder = Embedder("small_cnn", dim=16, num_classes=4, width=4)
    learner = Learner(embedder)
    signs = VitalSigns(None, losses())
    output = learner(torch.randn(12, 3, 32, 32), LABELS)
    signs.observe(output, {"backbone": output.backbone.logits.sum()}, LABELS)
    assert signs.row() == {}
