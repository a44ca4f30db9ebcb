"""A loss that is no number, and the sums of those that are."""

import pytest
import torch
from torch import nn

from gnn_dml.data.batch import Batch
from gnn_dml.losses import CrossEntropy, Losses
from gnn_dml.models import EmbedderOutput
from gnn_dml.training.guard import FiniteGuard
from gnn_dml.training.learner import Learner
from gnn_dml.training.purity import measured_batches
from gnn_dml.training.step import PlainStep
from gnn_dml.training.sums import LossSums


class Linear(nn.Module):
    """The smallest embedder with a classifier."""

    def __init__(self):
        super().__init__()
        self.linear = nn.Linear(3, 4)

    def forward(self, images):
        logits = self.linear(images.flatten(1))
        return EmbedderOutput(logits, logits)


def batch(value):
    return Batch(torch.full((4, 3, 1, 1), value), torch.arange(4), torch.arange(4))


OPTIMIZERS = {
    "fused AdamW": lambda weights: torch.optim.AdamW(weights, lr=0.1, fused=True),
    "RAdam": lambda weights: torch.optim.RAdam(weights, lr=0.1),
}


@pytest.mark.parametrize("on_device", [False, True])
@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_a_loss_that_is_no_number_changes_no_weight(optimizer, on_device):
    torch.manual_seed(0)
    learner = Learner(Linear())
    made = OPTIMIZERS[optimizer](learner.parameters())
    schedule = torch.optim.lr_scheduler.ConstantLR(made, factor=1.0)
    guard = FiniteGuard(made, torch.device("cpu"), on_device=on_device)
    step = PlainStep(learner, Losses({"one": CrossEntropy()}), made, schedule, guard=guard)

    def weights():
        return [weight.detach().clone() for weight in learner.parameters()]

    start = weights()
    assert step(batch(1.0))["one"].isfinite()
    good = weights()
    assert not any(torch.equal(a, b) for a, b in zip(start, good, strict=True))
    assert not step(batch(float("nan")))["one"].isfinite()
    assert all(torch.equal(a, b) for a, b in zip(good, weights(), strict=True))
    step(batch(1.0))
    # The flag on the device stays set until the losses are read; on the CPU each loss is looked at by itself.
    assert all(torch.equal(a, b) == on_device for a, b in zip(good, weights(), strict=True))


def test_sums_are_those_of_python_to_the_bit():
    values = torch.randn(200, 3, generator=torch.Generator().manual_seed(0))
    sums, expected = LossSums(["a", "b"], torch.device("cpu")), [0.0, 0.0, 0.0]
    for row in values:
        sums.add(row[0], {"b": row[2], "a": row[1]})
        expected = [total + value for total, value in zip(expected, row.tolist(), strict=True)]
    read = sums.read()
    assert [read.total, read.terms["a"], read.terms["b"]] == expected
    assert (read.count, read.last, read.first_bad) == (200, values[-1, 0].item(), None)


@pytest.mark.parametrize("bad", [float("nan"), float("inf"), -float("inf")])
def test_the_first_bad_batch_is_told(bad):
    sums = LossSums(["a"], torch.device("cpu"))
    for value in (1.0, 2.0, bad, 3.0, -bad):
        sums.add(torch.tensor(value), {"a": torch.tensor(value)})
    assert sums.read().first_bad == 3


@pytest.mark.parametrize(
    ("batches", "expected"),
    [(0, set()), (1, {1}), (9, {5}), (20, {6, 16}), (100, {13, 38, 63, 88})],
)
def test_few_batches_of_an_epoch_are_measured(batches, expected):
    assert measured_batches(batches) == expected
    assert measured_batches(batches, most=0) == set()
