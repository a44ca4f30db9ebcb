"""No loss that is no number reaches the weights, whichever way the guard takes."""

from functools import partial

import pytest
import torch

from gnn_dml.training.guard import FiniteGuard

CPU = torch.device("cpu")
OPTIMIZERS = {
    "AdamW": partial(torch.optim.AdamW, lr=0.1, weight_decay=0.1),
    "AdamW fused": partial(torch.optim.AdamW, lr=0.1, weight_decay=0.1, fused=True),
    "SGD fused": partial(torch.optim.SGD, lr=0.1, momentum=0.9, weight_decay=0.1, fused=True),
    "SGD": partial(torch.optim.SGD, lr=0.1, momentum=0.9, weight_decay=0.1),
    "RAdam": partial(torch.optim.RAdam, lr=0.1, weight_decay=0.1),
}


def made(name):
    torch.manual_seed(0)
    model = torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.Linear(4, 1))
    return model, OPTIMIZERS[name](model.parameters())


def step(model, optimizer, guard, factor):
    total = factor * model(torch.arange(6.0).view(2, 3)).square().mean()
    optimizer.zero_grad()
    admitted = guard is None or guard.admits(total)
    if admitted:
        total.backward()
        optimizer.step() if guard is None else guard.step()
    return admitted


def weights(model):
    return [weight.detach().clone() for weight in model.parameters()]


def same(first, second):
    return all(torch.equal(a, b) for a, b in zip(first, second, strict=True))


@pytest.mark.parametrize("on_device", [False, True])
@pytest.mark.parametrize("name", OPTIMIZERS)
def test_finite_losses_change_no_bit_of_the_step(name, on_device):
    plain, guarded = made(name), made(name)
    guard = FiniteGuard(guarded[1], CPU, on_device=on_device)
    for _ in range(3):
        step(*plain, None, 1.0)
        assert step(*guarded, guard, 1.0)
    assert same(weights(plain[0]), weights(guarded[0]))


@pytest.mark.parametrize("factor", [float("nan"), float("inf"), float("-inf")])
@pytest.mark.parametrize("name", OPTIMIZERS)
def test_on_a_device_the_weights_stay_from_the_first_bad_loss_on(name, factor):
    model, optimizer = made(name)
    guard = FiniteGuard(optimizer, CPU, on_device=True)
    assert guard.skips == name.endswith("fused")
    for _ in range(2):
        step(model, optimizer, guard, 1.0)
    before = weights(model)
    for each in (factor, 1.0, 1.0):  # nobody reads the loss for a while
        assert step(model, optimizer, guard, each)
        assert same(weights(model), before)


@pytest.mark.parametrize("name", ["AdamW fused", "SGD fused"])
def test_an_optimiser_that_skips_keeps_its_moments(name):
    model, optimizer = made(name)
    guard = FiniteGuard(optimizer, CPU, on_device=True)
    step(model, optimizer, guard, 1.0)
    before = [value.clone() for state in optimizer.state.values() for value in state.values()]
    step(model, optimizer, guard, float("nan"))
    assert same([value for state in optimizer.state.values() for value in state.values()], before)


def test_on_the_cpu_no_step_is_taken():
    model, optimizer = made("AdamW")
    before = weights(model)
    assert not step(model, optimizer, FiniteGuard(optimizer, CPU), float("nan"))
    assert same(weights(model), before)
    assert not optimizer.state
