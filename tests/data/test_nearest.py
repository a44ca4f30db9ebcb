"""Batches of near classes and distractors, with the nearest found by a loop."""

from collections import Counter

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from gnn_dml.data import NearestSampler
from gnn_dml.errors import UserError


def labels_of(counts):
    return torch.tensor([label for label, count in enumerate(counts) for _ in range(count)])


@given(
    counts=st.lists(st.integers(1, 6), min_size=6, max_size=12),
    p=st.integers(1, 4),
    k=st.integers(1, 4),
    near=st.sampled_from([0.0, 0.3, 0.5, 1.0]),
    distractors=st.integers(0, 2),
    seed=st.integers(0, 99),
)
@settings(max_examples=30)
def test_a_batch_is_a_class_its_nearest_others_and_strangers(counts, p, k, near, distractors, seed):
    labels = labels_of(counts)
    sampler = NearestSampler(labels, p, k, seed=seed, near=near, distractors=distractors)
    prototypes = torch.randn(len(counts), 3, generator=torch.Generator().manual_seed(seed))
    sampler.show(prototypes)
    batches = list(sampler)
    assert len(batches) == len(sampler) == max(1, len(labels) // (p * k + distractors))
    for batch in batches:
        assert len(batch) == p * k + distractors
        classes = [int(labels[i]) for i in batch]
        chosen = classes[: p * k : k]
        assert classes[: p * k] == [c for c in chosen for _ in range(k)]
        assert len({*chosen, *classes[p * k :]}) == p + distractors
        first = prototypes[chosen[0]]
        cosine = [float(torch.cosine_similarity(first, other, dim=0)) for other in prototypes]
        order = sorted((c for c in range(len(counts)) if c != chosen[0]), key=lambda c: -cosine[c])
        number = round(near * (p - 1))
        assert chosen[1 : number + 1] == order[:number]


def test_every_class_is_the_first_in_turn():
    labels = labels_of([4] * 6)
    sampler = NearestSampler(labels, 2, 2, seed=0, near=1.0)
    sampler.show(torch.eye(6))
    assert Counter(int(labels[batch[0]]) for batch in sampler) == dict.fromkeys(range(6), 1)


def test_before_anything_is_shown_classes_are_random_and_an_epoch_can_be_repeated():
    sampler = NearestSampler(labels_of([4] * 9), 4, 2, seed=1, near=1.0)
    sampler.set_epoch(1)
    unseen = list(sampler)
    assert unseen == list(sampler)
    sampler.show(torch.randn(9, 4, generator=torch.Generator().manual_seed(0)))
    shown = list(sampler)
    assert shown != unseen
    assert shown == list(sampler)


def test_equal_prototypes_do_not_put_a_class_in_twice():
    labels = labels_of([3] * 5)
    sampler = NearestSampler(labels, 4, 1, seed=0, near=1.0)
    sampler.show(torch.ones(5, 2))
    assert all(len({int(labels[i]) for i in batch}) == 4 for batch in sampler)


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"near": 1.5}, "sampler.near must be in"),
        ({"distractors": -1}, "at least 0"),
        ({"distractors": 5}, "6 classes"),
    ],
)
def test_what_is_refused(wrong, said):
    with pytest.raises(UserError, match=said):
        NearestSampler(labels_of([4] * 6), 2, 2, seed=0, **wrong)
