"""Counts of a split, against a plain loop."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from gnn_dml.data import ImageSplit
from gnn_dml.data.counts import count_split, hash_split


def split(words, sides=None, names=None):
    classes = tuple(dict.fromkeys(words))
    return ImageSplit(
        torch.zeros(len(words), 3, 1, 1, dtype=torch.uint8),
        torch.tensor([classes.index(word) for word in words]),
        classes,
        tuple(names or (f"i{i}" for i in range(len(words)))),
        None if sides is None else torch.tensor(sides),
    )


@given(st.lists(st.tuples(st.sampled_from("abcd"), st.booleans()), min_size=1, max_size=12), st.booleans())
def test_a_query_is_answered_if_another_image_of_its_class_can_be_found(images, apart):
    words = [word for word, _ in images]
    sides = [side for _, side in images] if apart else None
    answered = queries = 0
    for i, (word, asks) in enumerate(images):
        if apart and not asks:
            continue
        queries += 1
        others = [j for j, (other, side) in enumerate(images) if j != i and other == word and not (apart and side)]
        answered += bool(others)
    assert count_split(split(words, sides)) == (len(images), len(set(words)), queries, answered)


@pytest.mark.parametrize(
    "other",
    [
        split("aabb", names="wxyv"),
        split("abab", names="wxyz"),
        split("aabb", [True, False, True, False], names="wxyz"),
        split("aab", names="wxy"),
    ],
)
def test_other_names_classes_or_sides_are_another_set(other):
    first = split("aabb", names="wxyz")
    assert hash_split(first) == hash_split(split("aabb", names="wxyz")) != hash_split(other)
    assert len(hash_split(first)) == 12
