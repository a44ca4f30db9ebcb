"""The draw is uniform, blind to geometry, and a function of the features and the seed."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from gnn_dml.graphs import KNN, Random

MASK = 2**64 - 1


def nodes(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def slow_mix(z):
    """SplitMix64 in whole numbers of any size, cut to 64 bits."""
    z = (z + 0x9E3779B97F4A7C15) & MASK
    z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & MASK
    z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & MASK
    return z ^ (z >> 31)


def slow_random(x, k, seed):
    """For each target: sort the others by falling score, then by index, and take k."""
    bits = x.view(torch.int64).tolist()
    keys = [sum(slow_mix((value + slow_mix(d)) & MASK) for d, value in enumerate(row)) & MASK for row in bits]
    heard = []
    for i, key in enumerate(keys):
        target = slow_mix((key + seed) & MASK)
        ranked = sorted((-(slow_mix((target + other) & MASK) >> 1), j) for j, other in enumerate(keys) if j != i)
        heard.append([j for _, j in ranked[:k]])
    return heard


@given(k=st.integers(1, 5), n=st.integers(6, 10), seed=st.integers(0, 2**63 - 1))
@settings(deadline=None, max_examples=30)
def test_scores_are_hashes_of_seed_target_and_source(k, n, seed):
    x = nodes(n, 3, seed=seed)
    for row, expected in zip(Random(k, seed, loop=False).adjacency(x), slow_random(x, k, seed), strict=True):
        assert row.nonzero().squeeze(1).tolist() == sorted(expected)


def test_the_first_numbers_of_the_published_generator():
    """SplitMix64 from state 0; its first output is known from every implementation."""
    assert slow_mix(0) == 0xE220A8397B1DCDAF


def test_every_pair_is_chosen_equally_often():
    """Over 4000 graphs of 10 nodes the share of each pair lies within 5 standard deviations of k / (N - 1)."""
    k, n, graphs = 3, 10, 4000
    share = Random(k, loop=False).adjacency(nodes(graphs, n, 4)).double().mean(dim=0)
    expected = k / (n - 1)
    deviation = (expected * (1 - expected) / graphs) ** 0.5
    others = ~torch.eye(n, dtype=torch.bool)
    assert (share[others] - expected).abs().max() < 5 * deviation
    assert not share.diagonal().any()


def test_the_choices_of_two_targets_have_nothing_to_do_with_each_other():
    """Neither does i -> j with j -> i: both happen as often as chance has it."""
    k, n, graphs = 3, 10, 4000
    adjacency = Random(k, loop=False).adjacency(nodes(graphs, n, 4))
    expected = (k / (n - 1)) ** 2
    both_ways = (adjacency & adjacency.mT).sum() / (graphs * n * (n - 1))
    same_source = (adjacency[:, 0] & adjacency[:, 1])[:, 2:].double().mean()
    assert abs(both_ways - expected) < 0.01
    assert abs(same_source - expected) < 0.02


def test_near_nodes_are_chosen_no_more_often_than_far_ones():
    x = torch.nn.functional.normalize(nodes(500, 12, 4), dim=-1)
    similarity = x @ x.mT
    others = ~torch.eye(12, dtype=torch.bool).expand(500, 12, 12)
    chosen = similarity[Random(3, loop=False).adjacency(x)].mean()
    assert abs(chosen - similarity[others].mean()) < 0.02
    assert similarity[KNN(3, loop=False).adjacency(x)].mean() > 0.5


def test_the_least_change_of_a_node_is_another_draw():
    """What a training step does: every next float gives a new graph, and the old features give the old one."""
    x = nodes(16, 4)
    graphs = [Random(4).adjacency(x)]
    for _ in range(5):
        moved = torch.nextafter(x, x + 1)
        graphs.append(Random(4).adjacency(moved))
        assert 0.1 < (graphs[-1] != graphs[-2]).double().mean() < 0.7
        x = moved
    assert torch.equal(Random(4).adjacency(nodes(16, 4)), graphs[0])


def test_one_changed_node_draws_anew_and_the_others_keep_their_order():
    """Node 0 hears others; the rest still rank each other as before."""
    x, y = nodes(16, 4), nodes(16, 4)
    y[0] += 1e-9
    before, after = (Random(4, loop=False).adjacency(features) for features in (x, y))
    assert not torch.equal(before[0], after[0])
    same = ~(before[:, 0] | after[:, 0])
    same[0] = False
    assert same.any()
    assert torch.equal(before[same], after[same])


def test_seeds_differ():
    x = nodes(16, 4)
    assert len({tuple(Random(4, seed).adjacency(x).flatten().tolist()) for seed in range(10)}) == 10


def test_no_random_state_is_touched():
    state = torch.get_rng_state()
    Random(2).adjacency(nodes(5, 3))
    assert torch.equal(torch.get_rng_state(), state)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32, torch.float64, torch.int32])
def test_both_zeros_are_one(dtype):
    x = (nodes(8, 3) * 10).to(dtype)
    x[::2, 0] = 0
    y = x.clone()
    y[::2, 0] *= -1
    assert torch.equal(Random(3).adjacency(x), Random(3).adjacency(y))


def test_duplicates_go_to_the_lower_index_and_never_to_oneself():
    adjacency = Random(2, loop=False).adjacency(torch.ones(5, 3))
    assert [row.nonzero().squeeze(1).tolist() for row in adjacency] == [[1, 2], [0, 2], [0, 1], [0, 1], [0, 1]]


def test_swapped_channels_are_other_features():
    x = nodes(12, 4)
    assert not torch.equal(Random(3).adjacency(x), Random(3).adjacency(x.flip(1)))


@pytest.mark.parametrize("seed", [-1, 2**63])
def test_a_seed_out_of_range_is_refused(seed):
    with pytest.raises(ValueError, match=rf"at least 0 and below 2\^63, not {seed}"):
        Random(2, seed)
