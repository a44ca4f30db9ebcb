"""The choice of the epoch against a plain loop, and what is said against it."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gnn_dml.data.counts import SplitCounts
from gnn_dml.experiments.choice import best_epoch, choice_note, weakness_of

PROTOCOL = {"select_on": "val", "select_by": "backbone_recall@1"}
VALUES = st.sampled_from([None, math.nan, 0.0, 0.5, 1.0])


def rows(*pairs, branch="backbone", k=1):
    return [
        {"epoch": i, f"val_{branch}_recall@{k}": recall, f"val_{branch}_map@r": by_map}
        for i, (recall, by_map) in enumerate(pairs, start=1)
    ]


@given(st.lists(st.tuples(VALUES, VALUES), min_size=1, max_size=6))
def test_the_best_then_the_higher_map_then_the_later(pairs):
    def is_number(value):
        return value is not None and value == value

    best = 1
    for epoch in range(2, len(pairs) + 1):
        for new, old in zip(pairs[epoch - 1], pairs[best - 1], strict=True):
            if is_number(new) and (not is_number(old) or new > old):
                best = epoch
                break
            if is_number(old) and (not is_number(new) or old > new):
                break
        else:
            best = epoch
    assert best_epoch(rows(*pairs), PROTOCOL) == best


def test_the_refined_branch_and_another_k_are_decided_by_their_own_map():
    protocol = {"select_on": "val", "select_by": "refined_recall@10"}
    found = rows((0.5, 0.4), (0.5, 0.3), branch="refined", k=10)
    assert best_epoch(found, protocol) == 1


def test_nothing_to_select_on_takes_the_last():
    assert best_epoch([{"epoch": 1}, {"epoch": 2}], {**PROTOCOL, "select_on": "none"}) == 2


@pytest.mark.parametrize(
    ("pairs", "said"),
    [
        ([(1.0, 0.5), (1.0, 0.7), (1.0, 0.6)], "100.0 % in every epoch and chooses none: epoch 2 was taken for the h"),
        ([(0.25, 0.5), (0.25, 0.5)], "25.0 % in every epoch and chooses none: epoch 2 was taken as the last"),
        ([(math.nan, math.nan), (None, None)], "no number in any epoch, so epoch 2 was taken as the last"),
        ([(0.5, 0.5), (0.6, 0.5)], ""),
        ([(1.0, 0.5)], ""),
    ],
)
def test_epochs_that_cannot_be_told_apart_are_said(pairs, said):
    note = choice_note(rows(*pairs), PROTOCOL)
    assert said in note
    assert bool(note) == bool(said)


@pytest.mark.parametrize(
    ("counts", "said"),
    [
        (SplitCounts(9, 1, 9, 9), "one class, in which every neighbour is right"),
        (SplitCounts(9, 2, 9, 9), "2 classes, in which most"),
        (SplitCounts(9, 9, 9, 0), "no query of the test part has an image of its class to find"),
        (SplitCounts(9, 1, 9, 0), "no query"),
        (SplitCounts(9, 3, 9, 1), ""),
    ],
)
def test_a_part_that_measures_nothing_is_said(counts, said):
    assert said in weakness_of("test", counts)
    assert bool(weakness_of("test", counts)) == bool(said)


def test_the_first_of_equal_epochs_as_published():
    found = rows((0.5, 0.1), (0.7, 0.2), (0.7, 0.3))
    assert best_epoch(found, {**PROTOCOL, "ties": "first"}) == 2
    assert best_epoch(found, {**PROTOCOL, "ties": "later"}) == 3
    nothing = rows((math.nan, 0.1), (math.nan, 0.1))
    assert best_epoch(nothing, {**PROTOCOL, "ties": "first"}) == 2
