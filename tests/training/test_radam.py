"""The optimiser of the published training, written out in double precision, against the one of our settings."""

import math

import numpy as np
import pytest
import torch

from gnn_dml.config.compose import resolve
from gnn_dml.experiments.build import build


def published_radam(start, gradients, rates, decay, beta1=0.9, beta2=0.999, eps=1e-8):
    """Weights after every step; each parameter shrinks by rate x decay, then moves.

    Where the rectification is known (its length is 5 or more), the step is rectified and divided by the root of the
    second moment; before that it is the plain first moment. Biases of the start are divided out of both.
    """
    weights, first, second = (np.array(start, dtype=np.float64), np.zeros(len(start)), np.zeros(len(start)))
    longest = 2 / (1 - beta2) - 1
    seen = []
    for step, (gradient, rate) in enumerate(zip(gradients, rates, strict=True), start=1):
        first = beta1 * first + (1 - beta1) * gradient
        second = beta2 * second + (1 - beta2) * gradient**2
        length = longest - 2 * step * beta2**step / (1 - beta2**step)
        weights = weights - rate * decay * weights
        if length >= 5:
            ratio = (length - 4) / (longest - 4) * (length - 2) / (longest - 2) * longest / length
            size = rate * math.sqrt((1 - beta2**step) * ratio) / (1 - beta1**step)
            weights = weights - size * first / (np.sqrt(second) + eps)
        else:
            weights = weights - rate / (1 - beta1**step) * first
        seen.append(weights)
    return np.stack(seen)


def factory():
    config = resolve(["protocol=paper", "optimizer=radam", "graph=none"])
    return build(config["optimizer"]["factory"])


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("decay", [0.0, 6.059722614369727e-06, 0.1])
def test_sixty_steps_with_a_drop_equal_the_published_rule(decay, dtype):
    random = np.random.default_rng(0)
    start = random.normal(size=7)
    gradients = random.normal(size=(60, 7)) * 10.0 ** random.integers(-5, 2, size=(60, 1))
    rates = [0.01] * 35 + [0.001] * 25
    expected = published_radam(start, gradients, rates, decay)
    parameter = torch.nn.Parameter(torch.tensor(start, dtype=dtype))
    optimizer = factory()([{"params": [parameter], "lr": rates[0], "weight_decay": decay}])
    for gradient, rate, after in zip(gradients, rates, expected, strict=True):
        optimizer.param_groups[0]["lr"] = rate
        parameter.grad = torch.tensor(gradient, dtype=dtype)
        optimizer.step()
        np.testing.assert_allclose(parameter.detach().numpy(), after, rtol=1e-6, atol=1e-6)


def test_the_rectification_is_never_known_to_exactly_its_bound():
    """The published rule rectifies from a length of 5 on, torch's above 5: no step has a length between the two."""
    longest = 2 / (1 - 0.999) - 1
    lengths = [longest - 2 * t * 0.999**t / (1 - 0.999**t) for t in range(1, 100)]
    assert min(abs(length - 5) for length in lengths) > 1e-3
