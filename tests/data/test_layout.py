import pytest

from gnn_dml.data.images import ROLES
from gnn_dml.data.layout import SPELLINGS, find_splits, role_of
from gnn_dml.errors import UserError


def test_every_spelling_in_every_case_is_its_role():
    for role, spellings in SPELLINGS.items():
        for spelling in spellings:
            for name in (spelling, spelling.upper(), spelling.title(), f" {spelling}_set ", f"{spelling}2017"):
                assert role_of(name) == role
    assert tuple(SPELLINGS) == ROLES


@pytest.mark.parametrize("name", ["trainer", "contest", "devil", "set", "", "2017", "test 7", "images", "evaluate me"])
def test_other_words_are_classes(name):
    assert role_of(name) is None


def test_a_mixture_is_refused_with_the_folders():
    assert find_splits(["dog", "cat"], "x") == {}
    assert find_splits(["Train", "DEV", "test_set"], "x") == {"train": "Train", "val": "DEV", "test": "test_set"}
    with pytest.raises(UserError, match=r"x holds folders of splits \('train', 'test'\) and others \('labels'\)"):
        find_splits(["labels", "train", "test"], "x")
    with pytest.raises(UserError, match="two folders for the images of val: 'valid' and 'dev'"):
        find_splits(["train", "valid", "dev"], "x")
