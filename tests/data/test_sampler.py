from collections import Counter
from itertools import groupby
from math import gcd

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.utils.data import DataLoader

from gnn_dml.data import DistinctSampler, GroupSampler, RedrawnGroupSampler
from gnn_dml.errors import UserError

sizes = st.lists(st.integers(1, 9), min_size=3, max_size=12)


def labels_of(counts):
    return torch.tensor([label for label, count in enumerate(counts) for _ in range(count)])


@given(counts=sizes, p=st.integers(1, 3), k=st.integers(1, 5), seed=st.integers(0, 999))
@settings(deadline=None, max_examples=40)
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
@settings(deadline=None, max_examples=30)
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


def every(sampler, epoch=0):
    sampler.set_epoch(epoch)
    found = list(sampler)
    assert len(found) == len(sampler)
    return found


ALL = [GroupSampler, RedrawnGroupSampler, DistinctSampler]


@pytest.mark.parametrize("kind", ALL)
def test_a_loader_sees_the_same_batches_on_every_number_of_workers(kind):
    labels = labels_of([5, 7, 2, 9, 4, 4])
    seen = []
    for workers in (0, 1, 4):
        sampler = kind(labels, 2, 3, seed=5)
        sampler.set_epoch(2)
        loader = DataLoader(torch.arange(len(labels)), batch_sampler=sampler, num_workers=workers)
        seen.append([batch.tolist() for batch in loader])
    assert seen[0] == seen[1] == seen[2] == every(kind(labels, 2, 3, seed=5), 2)


@pytest.mark.parametrize("kind", ALL)
def test_labels_may_be_any_numbers_in_any_order(kind):
    labels = torch.tensor([7, -3, 7, 100, -3, 100, 7, -3, 100, 7])
    for batch in every(kind(labels, 2, 2, seed=0)):
        for pair in (batch[:2], batch[2:]):
            assert labels[pair[0]] == labels[pair[1]]


@given(counts=sizes, p=st.integers(1, 3), k=st.integers(1, 5), seed=st.integers(0, 999))
@settings(deadline=None, max_examples=30)
def test_distinct_classes_in_every_batch(counts, p, k, seed):
    labels = labels_of(counts)
    batches = every(DistinctSampler(labels, p, k, seed=seed))
    assert len(batches) == max(1, sum(counts) // (p * k))
    for batch in batches:
        classes = [int(labels[i]) for i in batch]
        assert len(set(classes)) == p
        for group in range(p):
            members = batch[group * k : group * k + k]
            assert {int(labels[i]) for i in members} == {classes[group * k]}
            assert len(set(members)) == min(k, counts[classes[group * k]])


@given(counts=sizes, p=st.integers(1, 3), k=st.integers(1, 5), seed=st.integers(0, 999))
@settings(deadline=None, max_examples=30)
def test_distinct_deals_all_images_of_a_class_before_it_repeats_one(counts, p, k, seed):
    labels = labels_of(counts)
    times = Counter(index for batch in every(DistinctSampler(labels, p, k, seed=seed)) for index in batch)
    for label in range(len(counts)):
        of_class = [times[i] for i in range(len(labels)) if labels[i] == label]
        assert max(of_class) - min(of_class) <= 1


def test_redrawn_shapes_are_all_factorisations_and_epochs_differ():
    sampler = RedrawnGroupSampler(labels_of([60] * 20), 6, 9, seed=0)
    shapes = set()
    for epoch in range(60):
        batches = every(sampler, epoch)
        assert {len(batch) for batch in batches} == {54}
        # Two groups of one class may follow each other, so a run of one class is a multiple of K.
        runs = [len(list(run)) for batch in batches for _, run in groupby(batch, key=lambda i: i // 60)]
        shapes.add(gcd(*runs))
    assert shapes == {3, 6, 9, 18, 27}  # 18, 9, 6, 3 and 2 classes; 27 classes are more than there are


def test_redrawn_is_groups_with_the_numbers_of_the_epoch():
    labels = labels_of([5, 8, 3, 6])
    redrawn = RedrawnGroupSampler(labels, 2, 3, seed=4)
    for epoch in range(6):
        redrawn.set_epoch(epoch)
        fixed = {(p, k): every(GroupSampler(labels, p, k, seed=4), epoch) for p, k in ((2, 3), (3, 2))}
        assert list(redrawn) in fixed.values()


def test_a_prime_number_of_images_cannot_be_redrawn():
    with pytest.raises(UserError, match="7 x 1 = 7 images cannot be cut"):
        RedrawnGroupSampler(labels_of([5] * 9), 7, 1, seed=0)


@pytest.mark.parametrize("kind", [GroupSampler, RedrawnGroupSampler, DistinctSampler])
def test_lists_arrays_and_text_are_labels_too(kind):
    numbers = torch.tensor([3, 1, 2, 3, 1, 2] * 4)
    names = ["", "ant", "bee", "cat"]
    text = [names[i] for i in numbers]
    expected = list(kind(numbers, 2, 2, seed=0))
    for labels in (
        numbers.tolist(),
        numbers.numpy(),
        pd.Series(numbers.numpy()),
        text,
        np.array(text),
        pd.Series(text),
    ):
        assert list(kind(labels, 2, 2, seed=0)) == expected


@pytest.mark.parametrize(
    ("labels", "said"),
    [([[1], [2]], r"the shape \(2, 1\)"), (torch.ones(2, 2), r"the shape \(2, 2\)"), (["a", None], "all text")],
)
def test_labels_that_are_none_are_refused(labels, said):
    with pytest.raises(UserError, match=said):
        GroupSampler(labels, 1, 1, seed=0)


@pytest.mark.parametrize("kind", [GroupSampler, RedrawnGroupSampler, DistinctSampler])
@pytest.mark.parametrize("workers", [0, 2])
def test_in_a_plain_loader_every_epoch_is_another(kind, workers):
    labels = [i % 6 for i in range(36)]
    sampler = kind(labels, 2, 3, seed=0)
    loader = DataLoader(range(36), batch_sampler=sampler, num_workers=workers)
    found = [[batch.tolist() for batch in loader] for _ in range(3)]
    for epoch, batches in enumerate(found):
        chosen = kind(labels, 2, 3, seed=0)
        chosen.set_epoch(epoch)
        assert batches == list(chosen) == list(chosen)  # whoever has chosen an epoch stays there
    assert found[0] != found[1] != found[2]


def test_an_epoch_that_was_broken_off_is_over():
    sampler = GroupSampler([i % 6 for i in range(36)], 2, 3, seed=0)
    first, second = next(iter(sampler)), list(sampler)
    whole = GroupSampler([i % 6 for i in range(36)], 2, 3, seed=0)
    assert first == next(iter(whole))
    whole.set_epoch(1)
    assert second == list(whole)
