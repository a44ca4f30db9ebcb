from collections import Counter

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from gnn_dml.data import ImageDataset, hold_out_classes
from gnn_dml.errors import UserError


def dataset(training, test=3, val=0, images=2):
    roles = [role for role, count in (("train", training), ("val", val), ("test", test)) for _ in range(count * images)]
    labels = torch.arange(training + val + test).repeat_interleave(images)
    return ImageDataset(
        torch.zeros(len(labels), 3, 1, 1, dtype=torch.uint8),
        labels,
        tuple(f"c{i}" for i in range(training + val + test)),
        tuple(f"i{i}" for i in range(len(labels))),
        tuple(roles),
    )


def classes(data, role):
    return {int(label) for label, found in zip(data.labels, data.roles, strict=True) if found == role}


@given(training=st.integers(2, 30), share=st.floats(0.01, 0.99), seed=st.integers(0, 5))
def test_a_share_of_the_training_classes_is_held_out(training, share, seed):
    before = dataset(training)
    after = hold_out_classes(before, share=share, seed=seed)
    train, val = classes(after, "train"), classes(after, "val")
    assert train | val == classes(before, "train")
    assert not train & val
    assert len(val) == min(training - 1, max(1, round(share * training)))
    assert classes(after, "test") == classes(before, "test")
    assert after.roles == hold_out_classes(before, share=share, seed=seed).roles


@given(training=st.integers(0, 20), val=st.integers(0, 6), folds=st.integers(2, 6))
def test_over_all_folds_every_class_is_held_out_once(training, val, folds):
    before = dataset(training, val=val)
    if training + val < folds:
        with pytest.raises(UserError, match=f"has {training + val} class"):
            hold_out_classes(before, folds=folds)
        return
    parts = [hold_out_classes(before, folds=folds, fold=fold) for fold in range(folds)]
    held = Counter(label for part in parts for label in classes(part, "val"))
    assert held == Counter(range(training + val))
    sizes = [len(classes(part, "val")) for part in parts]
    assert max(sizes) - min(sizes) <= 1
    for part in parts:
        assert classes(part, "test") == classes(before, "test")


@given(training=st.integers(2, 60), share=st.floats(0.01, 0.99), least=st.integers(1, 12))
def test_small_sets_give_a_least_number_but_no_more_than_half(training, share, least):
    held = len(classes(hold_out_classes(dataset(training), share=share, least=least), "val"))
    plain = len(classes(hold_out_classes(dataset(training), share=share), "val"))
    assert plain <= held <= max(plain, training // 2)
    assert held >= min(least, training // 2)
    assert held == plain or held <= least


def test_validation_classes_of_the_data_set_stay():
    before = dataset(4, val=2)
    assert hold_out_classes(before).roles == before.roles


def test_seeds_differ():
    before = dataset(40)
    assert len({frozenset(classes(hold_out_classes(before, seed=seed), "val")) for seed in range(5)}) == 5


@pytest.mark.parametrize(
    ("setting", "said"),
    [
        ({"share": 0.0}, "val_share must be above 0 and below 1, not 0"),
        ({"share": 1.0}, "not 1.0"),
        ({"least": 0}, "val_least must be at least 1, not 0"),
        ({"folds": 1}, "folds must be at least 2"),
        ({"folds": 3, "fold": 3}, "fold below it, not 3 and 3"),
    ],
)
def test_wrong_numbers_are_named(setting, said):
    with pytest.raises(UserError, match=said):
        hold_out_classes(dataset(5), **setting)


def test_one_training_class_cannot_be_cut():
    with pytest.raises(UserError, match="has 1 class, and 2 or more"):
        hold_out_classes(dataset(1))
