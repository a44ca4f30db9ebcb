"""Modules without numbers."""

import copy

import pytest
import torch
import torchvision

from gnn_dml.models.outline import outline


@pytest.mark.parametrize(
    "build",
    [
        lambda: torchvision.models.resnet18(),
        lambda: torchvision.models.VisionTransformer(32, 16, 1, 2, 8, 8, num_classes=3),
        lambda: torch.nn.LSTM(3, 4),
        lambda: torch.nn.Embedding(3, 4),
    ],
)
def test_names_shapes_and_types_are_those_of_the_module_itself(build):
    before = torch.get_rng_state()
    with outline():
        empty = build()
    assert torch.equal(torch.get_rng_state(), before)
    whole = build().state_dict()
    assert {name: (t.shape, t.dtype) for name, t in empty.state_dict().items()} == {
        name: (t.shape, t.dtype) for name, t in whole.items()
    }
    assert {t.device.type for t in empty.state_dict().values()} == {"meta"}
    assert {name: p.requires_grad for name, p in empty.named_parameters()} == {
        name: p.requires_grad for name, p in copy.deepcopy(build()).named_parameters()
    }


def test_tensors_with_numbers_are_filled_inside_and_afterwards():
    with outline():
        inside = torch.zeros(1000, device="cpu").uniform_(1, 2)
    assert inside.min() >= 1
    assert torch.nn.Linear(3, 4).weight.abs().min() > 0
    assert torch.nn.init.normal_(torch.zeros(1000), 5.0).mean() > 4


def test_more_than_any_memory():
    with outline():
        module = torch.nn.Linear(10**7, 10**7)
    assert module(torch.empty(2, 10**7, device="meta")).shape == (2, 10**7)
