"""How many groups a class gives, how an epoch is filled, and how the published code differs in it."""

from collections import Counter

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from gnn_dml.data import GroupSampler, RedrawnGroupSampler
from gnn_dml.data.groups import NEEDED, PUBLISHED
from gnn_dml.errors import UserError

CUB = {60: 70, 59: 13, 58: 4, 57: 2, 56: 2, 53: 3, 52: 1, 50: 1, 48: 1, 45: 1, 44: 1, 41: 1}
"""Classes of CUB-200-2011's training half by their number of images: 100 classes, 5,864 images."""


def labels_of(counts):
    return torch.arange(len(counts)).repeat_interleave(torch.tensor(counts))


def published_groups(n, k):
    """Short classes are filled up to K; then images are added until a multiple of K is passed, one at least."""
    images = n
    while images < k:
        images += 1
    images += 1
    while images % k:
        images += 1
    return images // k


@pytest.mark.parametrize("k", [1, 2, 3, 4, 6, 7, 9])
def test_groups_of_a_class_of_a_size_around_k(k):
    for n in range(1, 4 * k + 2):
        for cut, expected in ((PUBLISHED, published_groups(n, k)), (NEEDED, len(range(0, n, k)))):
            drawn = cut.draw(torch.arange(n), k, torch.Generator().manual_seed(n))
            assert len(drawn) == cut.number(n, k) == expected
            assert {len(group) for group in drawn} == {k}
            times = Counter(index for group in drawn for index in group)
            assert set(times) == set(range(n))
            assert n < k or max(times.values()) <= 2


@pytest.mark.parametrize(("n", "groups"), [(3, 2), (4, 2), (5, 2), (6, 2), (9, 2), (10, 3), (11, 3), (15, 4)])
def test_published_groups_of_five(n, groups):
    """Read off the published sampler."""
    assert PUBLISHED.number(n, 5) == groups


def test_a_published_fill_draws_from_the_whole_class():
    """Six images in groups of four: the two of the last group may come again in it, each as often as any other."""
    generator = torch.Generator().manual_seed(0)
    twice, draws = 0, 3000
    for _ in range(draws):
        last = PUBLISHED.draw(torch.arange(6), 4, generator)[1]
        twice += len(set(last)) < 4
    # Two of six are drawn; none of the two at hand with probability 4/6 * 3/5.
    assert twice / draws == pytest.approx(1 - 4 / 6 * 3 / 5, abs=0.04)


@pytest.mark.parametrize(
    ("p", "k", "batches", "plain"),
    [(2, 27, 150, 150), (6, 9, 117, 116), (9, 6, 123, 111), (18, 3, 117, 111), (27, 2, 115, 111)],
)
def test_batches_of_an_epoch_of_a_hundred_classes_of_sixty(p, k, batches, plain):
    labels = labels_of([60] * 100)
    assert len(GroupSampler(labels, p, k, seed=0, extra_group=True, fill_last=True)) == batches
    assert len(GroupSampler(labels, p, k, seed=0)) == plain


@pytest.mark.parametrize(
    ("p", "k", "batches"), [(2, 27, 146), (3, 18, 131), (6, 9, 115), (9, 6, 118), (18, 3, 114), (27, 2, 112)]
)
def test_batches_of_an_epoch_of_cub(p, k, batches):
    counts = [size for size, classes in CUB.items() for _ in range(classes)]
    assert (len(counts), sum(counts)) == (100, 5864)
    assert len(GroupSampler(labels_of(counts), p, k, seed=0, extra_group=True, fill_last=True)) == batches


@given(
    counts=st.lists(st.integers(1, 9), min_size=3, max_size=9),
    p=st.integers(1, 3),
    k=st.integers(1, 5),
    extra=st.booleans(),
    fill=st.booleans(),
    redrawn=st.booleans(),
)
def test_an_epoch_holds_every_group_or_all_but_a_last_batch(counts, p, k, extra, fill, redrawn):
    labels = labels_of(counts)
    kind = RedrawnGroupSampler if redrawn else GroupSampler
    try:
        sampler = kind(labels, p, k, seed=3, extra_group=extra, fill_last=fill)
    except UserError:
        assert redrawn
        return
    for epoch in range(3):
        sampler.set_epoch(epoch)
        batches = list(sampler)
        p_now, k_now = sampler._shape()
        groups = sum(published_groups(n, k_now) if extra else len(range(0, n, k_now)) for n in counts)
        assert len(batches) == len(sampler) == len(range(0, groups, p_now)) - (0 if fill or groups % p_now == 0 else 1)
        for batch in batches:
            assert len(batch) == p * k
            for start in range(0, len(batch), k_now):
                assert len({int(labels[i]) for i in batch[start : start + k_now]}) == 1
        if fill:
            assert {index for batch in batches for index in batch} == set(range(len(labels)))


def test_a_last_batch_is_filled_with_groups_of_the_epoch():
    sampler = GroupSampler(labels_of([4] * 5), 3, 2, seed=0, fill_last=True)
    groups = [tuple(batch[i : i + 2]) for batch in sampler for i in (0, 2, 4)]
    assert len(groups) == 12
    assert sorted(Counter(groups).values()) == [1] * 8 + [2] * 2  # ten groups, and two of them again


@pytest.mark.parametrize("kind", [GroupSampler, RedrawnGroupSampler])
@pytest.mark.parametrize("name", ["extra_group", "fill_last"])
def test_neither_true_nor_false_is_refused(kind, name):
    with pytest.raises(UserError, match=f"{name} must be true or false, not 'many'"):
        kind(labels_of([5, 5]), 2, 2, seed=0, **{name: "many"})
