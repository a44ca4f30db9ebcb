"""Running statistics moved twice, against a stage under gradient checkpointing."""

import pytest
import torch
from torch.utils.checkpoint import checkpoint

from gnn_dml.models import Embedder
from gnn_dml.models.statistics import update_twice


def stage():
    torch.manual_seed(0)
    return torch.nn.Sequential(
        torch.nn.Conv2d(3, 4, 3),
        torch.nn.BatchNorm2d(4),
        torch.nn.ReLU(),
        torch.nn.Conv2d(4, 2, 3),
        torch.nn.BatchNorm2d(2),
    )


def statistics(module):
    return {name: tensor for name, tensor in module.state_dict().items() if "running" in name}


def test_statistics_are_those_of_a_checkpointed_stage():
    checkpointed, ours = stage(), stage()
    update_twice([ours])
    torch.manual_seed(1)
    for _ in range(4):
        images = torch.randn(5, 3, 8, 8).add(0.5).requires_grad_()
        first = checkpoint(checkpointed, images, use_reentrant=True)
        first.square().sum().backward()
        second = ours(images)
        second.square().sum().backward()
        torch.testing.assert_close(first, second)
    for name, expected in statistics(checkpointed).items():
        torch.testing.assert_close(statistics(ours)[name], expected, rtol=1e-6, atol=1e-6)
    for first, second in zip(checkpointed.parameters(), ours.parameters(), strict=True):
        torch.testing.assert_close(first.grad, second.grad)


def test_only_the_four_stages_of_a_resnet_are_moved_twice():
    embedder = Embedder("resnet18", dim=None, double_statistics=True)
    momenta = {name: m.momentum for name, m in embedder.backbone.named_modules() if hasattr(m, "momentum")}
    assert momenta["bn1"] == 0.1
    assert all(value == pytest.approx(0.19) for name, value in momenta.items() if name.startswith("layer"))
    assert {name.split(".")[0] for name in momenta} == {"bn1", "layer1", "layer2", "layer3", "layer4"}


def test_without_it_every_norm_moves_once():
    embedder = Embedder("resnet18", dim=None)
    assert {m.momentum for m in embedder.modules() if hasattr(m, "momentum")} == {0.1}


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [("small_cnn", True, "for ResNets of torchvision, and small_cnn is none"), ("resnet18", "yes", "not 'yes'")],
)
def test_what_has_no_stages_or_is_no_truth_value_is_refused(name, value, message):
    with pytest.raises(ValueError, match=message):
        Embedder(name, dim=4, double_statistics=value)
