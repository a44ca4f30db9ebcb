"""The scores of GATv2, by L1 distances and by broadcasting, against three loops."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from gnn_dml.layers.additive import additive_scores, scores_by_broadcasting, scores_by_distance

WAYS = [scores_by_distance, scores_by_broadcasting]


def inputs(heads, targets, sources, channels, seed):
    generator = torch.Generator().manual_seed(seed)
    shapes = (heads, targets, channels), (heads, sources, channels), (heads, channels)
    return [torch.randn(shape, generator=generator, dtype=torch.float64) for shape in shapes]


def slow(target, source, a, slope):
    scores = torch.zeros(len(a), target.size(1), source.size(1), dtype=torch.float64)
    for h in range(len(a)):
        for i in range(target.size(1)):
            for j in range(source.size(1)):
                for c in range(a.size(1)):
                    z = (target[h, i, c] + source[h, j, c]).item()
                    scores[h, i, j] += a[h, c].item() * (z if z > 0 else slope * z)
    return scores


@pytest.mark.parametrize("way", WAYS)
@given(
    heads=st.integers(1, 3),
    targets=st.integers(1, 4),
    sources=st.integers(1, 4),
    channels=st.integers(1, 5),
    slope=st.sampled_from([0.0, 0.2, 1.0, 1.5]),
    seed=st.integers(0, 1000),
)
@settings(deadline=None, max_examples=40)
def test_equals_the_slow_loops(way, heads, targets, sources, channels, slope, seed):
    target, source, a = inputs(heads, targets, sources, channels, seed)
    torch.testing.assert_close(way(target, source, a, slope), slow(target, source, a, slope))


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("a", [[[1.0, 2.0]], [[-1.0, -2.0]], [[0.0, 0.0]], [[0.0, -1.0]], [[1.0, 2.0], [-3.0, 0.0]]])
def test_weights_of_one_sign_and_of_none(way, a):
    a = torch.tensor(a, dtype=torch.float64)
    target, source, _ = inputs(len(a), 3, 4, 2, seed=0)
    torch.testing.assert_close(way(target, source, a, 0.2), slow(target, source, a, 0.2))


@pytest.mark.parametrize("way", WAYS)
def test_gradients_are_exact(way):
    leaves = [t.requires_grad_() for t in inputs(2, 3, 4, 3, seed=1)]
    assert torch.autograd.gradcheck(lambda *leaves: way(*leaves, 0.2), leaves)


@pytest.mark.parametrize("zeros", [(), ((0, 1),), ((0, 0), (1, 2)), tuple((h, c) for h in range(2) for c in range(3))])
def test_gradients_where_weights_are_0(zeros):
    """The gradient of a weight is LeakyReLU(z), whatever the weight is."""
    target, source, a = inputs(2, 3, 4, 3, seed=1)
    for place in zeros:
        a[place] = 0.0
    found, expected = ([t.clone().requires_grad_() for t in (target, source, a)] for _ in range(2))
    additive_scores(*found, 0.2).pow(2).sum().backward()
    z = expected[0][:, :, None] + expected[1][:, None]
    (torch.where(z > 0, z, 0.2 * z) * expected[2][:, None, None]).sum(-1).pow(2).sum().backward()
    for mine, other in zip(found, expected, strict=True):
        torch.testing.assert_close(mine.grad, other.grad)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision_in_and_out(dtype):
    target, source, a = inputs(2, 3, 4, 8, seed=2)
    found = scores_by_distance(target.to(dtype), source.to(dtype), a.to(dtype), 0.2)
    assert found.dtype == dtype
    torch.testing.assert_close(found.double(), slow(target, source, a, 0.2), atol=0.1, rtol=0.02)


def test_leading_batch_dimensions():
    target, source, a = inputs(2, 3, 4, 5, seed=3)
    batched = additive_scores(torch.stack([target, 2 * target]), torch.stack([source, source]), a, 0.2)
    torch.testing.assert_close(batched[0], slow(target, source, a, 0.2))
    torch.testing.assert_close(batched[1], slow(2 * target, source, a, 0.2))
