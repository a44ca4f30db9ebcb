from collections import Counter

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from gnn_dml.data import GroupSampler
from gnn_dml.errors import UserError

sizes = st.lists(st.integers(1, 9), min_size=3, max_size=12)


def labels_of(counts):
    return torch.tensor([label for label, count in enumerate(counts) for _ in range(count)])


@given(counts=sizes, p=st.integers(1, 3), k=st.integers(1, 5), seed=st.integers(0, 999))
@settings(deadline=None, max_examples=80)
def test_batches_are_p_groups_of_k_of_one_class(counts, p, k, seed):
    labels = labels_of(counts)
    sampler = GroupSampler(labels, p, k, seed=seed)
    batches = list(sampler)
    assert len(batches) == len(sampler) == sum(-(-count // k) for count in counts) // p
    for batch in batches:
        assert len(batch) == p * k
        for group in range(p):
            members = batch[group * k : group * k + k]
            assert len({int(labels[i]) for i in members}) == 1
            size = counts[int(labels[members[0]])]
            assert len(set(members)) == min(k, size)


@given(counts=sizes, k=st.integers(1, 5), seed=st.integers(0, 999))
@settings(deadline=None, max_examples=60)
def test_with_one_group_per_batch_every_image_is_seen_in_every_epoch(counts, k, seed):
    labels = labels_of(counts)
    seen = Counter(index for batch in GroupSampler(labels, 1, k, seed=seed) for index in batch)
    assert set(seen) == set(range(len(labels)))
    for index, times in seen.items():
        size = counts[int(labels[index])]
        assert times <= -(-max(k, size) // size) + 1


def test_the_order_depends_on_seed_and_epoch_alone():
    labels = labels_of([5] * 10)

    def batches(seed, epoch):
        sampler = GroupSampler(labels, 3, 2, seed=seed)
        sampler.set_epoch(epoch)
        torch.randn(7)  # the global state plays no part
        return list(sampler)

    assert batches(1, 2) == batches(1, 2)
    assert batches(1, 2) != batches(1, 3)
    assert batches(1, 2) != batches(2, 2)


def test_too_few_classes_are_an_error_that_counts_them():
    with pytest.raises(UserError, match=r"batches of 4 classes .* have 3 classes"):
        GroupSampler(labels_of([5, 5, 5]), 4, 2, seed=0)


@pytest.mark.parametrize(("p", "k", "name"), [(0, 2, "classes_per_batch"), (2, 0, "images_per_class")])
def test_numbers_below_one_are_refused(p, k, name):
    with pytest.raises(UserError, match=f"{name} must be at least 1, not 0"):
        GroupSampler(labels_of([5, 5]), p, k, seed=0)
