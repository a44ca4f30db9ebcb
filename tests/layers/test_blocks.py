"""Blocks of targets give what one block gives, in value and gradient, and keep less for backward."""

import pytest
import torch
from torch.nn.functional import dropout

from gnn_dml.layers import GATv2Conv, attend, gatv2
from gnn_dml.layers.attend import attend_max
from gnn_dml.layers.blocks import block_size, over_targets


def tensors(n=7):
    generator = torch.Generator().manual_seed(0)
    x, y = (torch.randn(2, n, 3, generator=generator, dtype=torch.float64).requires_grad_() for _ in range(2))
    return x, torch.rand(1, n, n, generator=generator) < 0.5, y


def compute(x, mask, y):
    scores = (x @ y.mT).masked_fill(~mask, 0.0) if mask is not None else x @ y.mT
    return scores @ y, scores


@pytest.mark.parametrize("size", [1, 2, 3, 7, 100])
@pytest.mark.parametrize("masked", [True, False])
def test_blocks_change_nothing(size, masked):
    x, mask, y = tensors()
    mask = mask if masked else None
    expected = compute(x, mask, y)
    found = over_targets(compute, size, (x, mask), y, random=False)
    for mine, other in zip(found, expected, strict=True):
        torch.testing.assert_close(mine, other)
    gradients = [torch.autograd.grad((out[0] ** 2).sum() + out[1].sum(), (x, y)) for out in (found, expected)]
    for mine, other in zip(*gradients, strict=True):
        torch.testing.assert_close(mine, other)


def test_random_numbers_are_drawn_again_in_backward():
    """Where an entry was dropped, no gradient may flow, and elsewhere it must."""
    x = torch.ones(1, 8, 3, dtype=torch.float64, requires_grad=True)
    out = over_targets(lambda x: (dropout(x, 0.5) * x,), 2, (x,), random=True)[0]
    out.sum().backward()
    assert 0 < (out == 0).sum() < out.numel()
    assert torch.equal(x.grad == 0, out == 0)


def test_size_of_a_block():
    assert block_size(100, per_target=10, budget=50) == 5
    assert block_size(100, per_target=10, budget=5) == 1
    assert block_size(3, per_target=10, budget=500) == 3


@pytest.mark.parametrize("budget", [1, 50, 2**20])
@pytest.mark.parametrize("zero", [False, True])
def test_gatv2_in_blocks(budget, zero, monkeypatch):
    """By distances, and where a weight of the scores is 0, by broadcasting."""
    torch.manual_seed(0)
    layer, x = GATv2Conv.for_dim(6, num_heads=2, backend="dense").double(), torch.randn(9, 6).double()
    if zero:
        layer.att.data[0, 1, 2] = 0.0
    adjacency = torch.rand(9, 9) < 0.5
    expected = layer(x, adjacency)
    expected_gradients = torch.autograd.grad(expected.pow(2).sum(), layer.parameters())
    monkeypatch.setattr(gatv2, "MAX_HIDDEN" if zero else "MAX_SCORES", budget)
    found, (_, attention) = layer(x, adjacency, return_attention_weights=True)
    torch.testing.assert_close(found, expected)
    assert attention.shape == (2, 9, 9)
    for mine, other in zip(
        torch.autograd.grad(found.pow(2).sum(), layer.parameters()), expected_gradients, strict=True
    ):
        torch.testing.assert_close(mine, other)


def test_backward_of_gatv2_in_blocks_may_come_in_another_mode(monkeypatch):
    """The blocks that backward computes again drop what forward dropped, whatever the mode is by then."""
    monkeypatch.setattr(gatv2, "MAX_SCORES", 50)
    torch.manual_seed(0)
    layer, x = GATv2Conv.for_dim(6, num_heads=2, backend="dense", dropout=0.5), torch.randn(9, 6)
    gradients = []
    for mode in (True, False):
        torch.manual_seed(1)
        out = layer.train()(x)
        layer.train(mode)
        gradients.append(torch.autograd.grad(out.pow(2).sum(), layer.parameters()))
    for same, other in zip(*gradients, strict=True):
        assert torch.equal(same, other)


@pytest.mark.parametrize("budget", [1, 2**22])
def test_the_largest_message_in_blocks(budget, monkeypatch):
    monkeypatch.setattr(attend, "MAX_BLOCK", budget)
    v, mask, _ = tensors()
    weights = torch.rand(2, 7, 7, dtype=torch.float64)
    found = attend_max(weights, v, mask)
    for h in range(2):
        for i in range(7):
            messages = [weights[h, i, j] * v[h, j] for j in range(7) if mask[0, i, j]]
            expected = torch.stack(messages).amax(0) if messages else torch.zeros(3, dtype=torch.float64)
            torch.testing.assert_close(found[h, i], expected)


def test_backward_keeps_blocks_and_not_pairs(monkeypatch):
    """What autograd keeps of a blocked layer grows with N; of a layer in one block, with N^2."""

    def kept(n):
        layer, x = GATv2Conv.for_dim(8, num_heads=2, backend="dense"), torch.randn(n, 8)
        sizes = {}

        def pack(tensor):
            sizes[tensor.untyped_storage().data_ptr()] = tensor.untyped_storage().nbytes()
            return tensor

        with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
            out = layer(x)
        assert out.requires_grad
        return sum(sizes.values())

    pairs = kept(400) / kept(200)
    monkeypatch.setattr(gatv2, "MAX_SCORES", 2**12)
    assert kept(400) / kept(200) < 2.2 < 3.0 < pairs
