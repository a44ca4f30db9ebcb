"""Sums of losses against Python's own."""

import math

import pytest
import torch

from gnn_dml.training.sums import LossSums

CPU = torch.device("cpu")


def summed(losses):
    sums = LossSums(["first", "second"], CPU)
    for loss in losses:
        sums.add(loss, {"second": loss / 3, "first": loss / 2})
    return sums.read()


def test_sums_are_those_of_python_floats_to_the_bit():
    losses = torch.rand(500, generator=torch.Generator().manual_seed(0)) * 10
    read = summed(losses)
    assert read.count == 500
    assert read.total == sum(loss.item() for loss in losses)
    assert read.terms == {
        "first": sum((loss / 2).item() for loss in losses),
        "second": sum((loss / 3).item() for loss in losses),
    }
    assert read.last == losses[-1].item()
    assert read.first_bad is None


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize("place", [1, 2, 4])
def test_the_first_loss_that_is_no_number_is_known_later(bad, place):
    losses = [1.0, 2.0, 3.0, 4.0]
    losses[place - 1] = bad
    read = summed(torch.tensor([*losses, 5.0]))
    assert read.first_bad == place
    assert read.total == bad or math.isnan(bad)


def test_nothing_summed():
    read = LossSums(["first"], CPU).read()
    assert (read.count, read.total, read.first_bad) == (0, 0.0, None)
