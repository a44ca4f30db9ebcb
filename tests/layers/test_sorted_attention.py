"""Attention by sorting, held to the softmax over all pairs in float64."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from gnn_dml.layers import GATConv
from gnn_dml.layers.edges import every_pair
from gnn_dml.layers.sorted_attention import attend_sorted

SLOPES = [0.0, 0.01, 0.2, 0.9, 1.0]


def slow(target, source, values, slope, *, loop):
    scores = torch.nn.functional.leaky_relu(target.unsqueeze(-1) + source.unsqueeze(-2), slope)
    if not loop:
        scores = scores.masked_fill(torch.eye(target.size(-1), dtype=torch.bool), -torch.inf)
    return scores.softmax(dim=-1) @ values


def with_gradients(attend, inputs, *arguments, **options):
    leaves = [leaf.clone().requires_grad_() for leaf in inputs]
    out = attend(*leaves, *arguments, **options)
    factors = torch.linspace(-1, 1, out.numel(), dtype=out.dtype).view_as(out)
    return [out, *torch.autograd.grad((out * factors).sum(), leaves)]


def heard(inputs, slope, *, loop):
    """By how much each source is heard in all, weighted by the size of what the targets' outputs are multiplied by."""
    target, source, values = (part.float().double() for part in inputs)
    values.requires_grad_()
    out = slow(target, source, values, slope, loop=loop)
    return torch.autograd.grad(
        (out * torch.linspace(-1, 1, out.numel(), dtype=out.dtype).abs().view_as(out)).sum(), values
    )[0]


def draw(n, seed, scale, levels=None):
    """Parts of scores of two heads and values of three channels; with `levels` the parts are so many numbers apart."""
    generator = torch.Generator().manual_seed(seed)
    parts = torch.randn(2, 2, n, generator=generator, dtype=torch.float64)
    if levels is not None:
        parts = (parts * levels).round() / levels
    return [*(parts * scale), torch.randn(2, n, 3, generator=generator, dtype=torch.float64)]


@given(
    n=st.integers(2, 150),
    seed=st.integers(0, 1000),
    scale=st.sampled_from([0.0, 1e-3, 1.0, 30.0, 1e3, 1e6]),
    levels=st.sampled_from([None, 1, 3]),
    slope=st.sampled_from(SLOPES),
    loop=st.booleans(),
)
@settings(deadline=None, max_examples=40)
def test_it_is_the_softmax_over_all_pairs(n, seed, scale, levels, slope, loop):
    """Any scale; with few levels there are ties between sources, and sums that are 0 to the bit.

    In float32 a score of a thousand is rounded by 3e-5, and its weight is off by as much. So there the softmax over all
    pairs in float32 says what more than a few roundings may be lost. The gradient of a part of a score is the
    difference of two sums over the targets, which may be some hundreds; it can be off by a rounding of these.
    """
    inputs = draw(n, seed, scale, levels)
    expected = with_gradients(slow, inputs, slope, loop=loop)
    found = with_gradients(attend_sorted, inputs, slope, loop=loop)
    for mine, other in zip(found, expected, strict=True):
        torch.testing.assert_close(mine, other, atol=1e-10, rtol=1e-10)
    single = with_gradients(attend_sorted, [part.float() for part in inputs], slope, loop=loop)
    exact = with_gradients(slow, [part.float().double() for part in inputs], slope, loop=loop)
    plain = with_gradients(slow, [part.float() for part in inputs], slope, loop=loop)
    assert single[0].dtype == torch.float32
    sums = float((heard(inputs, slope, loop=loop) * inputs[2].abs()).sum(dim=-1).max())
    bounds = (3e-6, *[3e-5 + 2.0**-23 * sums] * 2, 3e-5)
    for mine, other, direct, bound in zip(single, exact, plain, bounds, strict=True):
        lost = float((direct.double() - other).abs().max())
        torch.testing.assert_close(mine.double(), other, atol=bound + 4 * lost, rtol=bound)


@pytest.mark.parametrize("loop", [False, True])
@pytest.mark.parametrize("largest", [10.0, 1e4])
def test_a_source_that_outweighs_all_others_is_taken_out_exactly(loop, largest):
    """The others' share of its sum is below rounding, so nothing could be subtracted from it."""
    target, source, values = draw(40, 3, 1.0)
    source[:, 7] = largest
    found = attend_sorted(target.float(), source.float(), values.float(), 0.2, loop=loop)
    exact = slow(target.float().double(), source.float().double(), values.float().double(), 0.2, loop=loop)
    torch.testing.assert_close(found.double(), exact, atol=3e-6, rtol=0)


@pytest.mark.parametrize("loop", [False, True])
def test_gradients_are_exact(loop):
    inputs = [part.requires_grad_() for part in draw(7, 1, 1.0)]
    assert torch.autograd.gradcheck(lambda *parts: attend_sorted(*parts, 0.2, loop=loop), inputs)
    assert torch.autograd.gradgradcheck(lambda *parts: attend_sorted(*parts, 0.2, loop=loop), inputs)


@pytest.mark.parametrize("n", [63, 64, 65, 128, 200])
def test_every_number_of_rows_in_the_last_block(n):
    inputs = draw(n, n, 1.0)
    torch.testing.assert_close(attend_sorted(*inputs, 0.2, loop=True), slow(*inputs, 0.2, loop=True))


def test_half_precision_is_computed_in_single():
    inputs = [part.bfloat16() for part in draw(300, 2, 1.0)]
    out = attend_sorted(*inputs, 0.2, loop=True)
    assert out.dtype == torch.bfloat16
    torch.testing.assert_close(
        out.double(), slow(*(part.double() for part in inputs), 0.2, loop=True), atol=5e-3, rtol=0
    )


def test_every_pair():
    every, others = torch.ones(4, 4, dtype=torch.bool), ~torch.eye(4, dtype=torch.bool)
    assert every_pair(None) is True
    assert every_pair(every) is True
    assert every_pair(others) is False
    assert every_pair(torch.stack([others, others])) is False
    assert every_pair(torch.stack([every, others])) is None
    assert every_pair(others & ~others.roll(1, 0)) is None
    missing = every.clone()
    missing[0, 1:] = False
    missing[3, 3] = False
    assert missing.count_nonzero() == others.count_nonzero()
    assert every_pair(missing) is None


def layers(n, **arguments):
    torch.manual_seed(0)
    sparse = GATConv(6, 4, heads=2, add_self_loops=False, backend="sparse", **arguments).double()
    sorts = GATConv(6, 4, heads=2, add_self_loops=False, **arguments).double()
    sorts.load_state_dict(sparse.state_dict())
    sorts.sorted_from = n
    return sorts, sparse


@pytest.mark.parametrize("shape", [(9, 6), (3, 9, 6)])
@pytest.mark.parametrize("loop", [False, True])
@pytest.mark.parametrize("slope", [0.0, 0.2, 1.0, 1.5, -0.5])
def test_the_layer_sorts_complete_graphs_to_the_same_numbers(shape, loop, slope):
    sorts, sparse = layers(9, negative_slope=slope, residual=True)
    x = torch.randn(shape, dtype=torch.float64)
    adjacency = None if loop else ~torch.eye(9, dtype=torch.bool)
    with torch.profiler.profile() as profiler:
        found = sorts(x, adjacency)
    torch.testing.assert_close(found, sparse(x, adjacency))
    assert any(event.key == "aten::searchsorted" for event in profiler.key_averages()) is (0 <= slope <= 1)


def test_what_needs_the_weights_is_not_sorted():
    sorts, sparse = layers(9)
    x = torch.randn(9, 6, dtype=torch.float64)
    expected = sparse(x, None, return_attention_weights=True)
    found = sorts(x, None, return_attention_weights=True)
    torch.testing.assert_close(found[0], expected[0])
    torch.testing.assert_close(found[1][1], expected[1][1])
    dropped, _ = layers(9, dropout=0.5)
    torch.manual_seed(0)
    assert not torch.allclose(dropped(x), dropped(x))
    torch.testing.assert_close(dropped.eval()(x), expected[0])


def test_a_mini_batch_is_computed_as_ever():
    """Below `sorted_from` the dense path's numbers, to the bit."""
    torch.manual_seed(0)
    auto, dense = (GATConv.for_dim(8, num_heads=2, backend=backend) for backend in ("auto", "dense"))
    dense.load_state_dict(auto.state_dict())
    for n, same in ((GATConv.sorted_from - 1, True), (GATConv.sorted_from, False)):
        x = torch.randn(n, 8)
        assert torch.equal(auto(x), dense(x)) is same
        torch.testing.assert_close(auto(x), dense(x), atol=1e-5, rtol=0)
