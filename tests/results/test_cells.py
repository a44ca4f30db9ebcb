"""Rows of other images are other cells."""

import pandas as pd
import pytest

from gnn_dml.errors import UserError
from gnn_dml.results import cautions, compare, table
from gnn_dml.results.cells import cells_of


def row(cell, seed=0, *, content="aaaa00000000", test_set="1111", r1=0.5, **columns):
    own = {"run_id": f"{cell}-{seed}-{content}-{test_set}", "cell": cell, "overrides": "", "seed": seed}
    data = {
        "dataset": "folder",
        "content": content,
        "split": "test",
        "test_set": test_set,
        "root": f"root {content[0]}",
    }
    figures = {"seconds": 1.0, "backbone_recall@1": r1, "backbone_map@r": r1}
    more = {"root": f"root {content[0]}", "status": "finished", "selected_on": "val"}
    return {**own, **data, **more, **figures, **columns}


@pytest.mark.parametrize("changed", [{"content": "bbbb00000000"}, {"test_set": "2222"}, {"dataset": "table"}])
def test_equal_names_on_other_images_are_neither_joined_nor_paired(changed):
    frame = pd.DataFrame([row("a", 0, r1=0.2), row("a", 1, r1=0.2), row("b", 0), row("b", 1, **changed)])
    assert sorted(len(cell.runs) for cell in cells_of(frame)) == [1, 1, 2]
    pairs = compare(frame)
    assert pairs[["cell", "reference", "n"]].to_dict("records") == [{"cell": "b", "reference": "a", "n": 1}]


def test_the_table_has_a_section_for_each_and_says_so():
    frame = pd.DataFrame([row("a"), row("a", content="bbbb00000000", r1=0.7), row("b")])
    printed = table(frame)
    assert printed.count("\ncell") == 2
    assert "root a aaaa00 1111" in printed
    assert "root b bbbb00 1111" in printed
    assert "Rows of different images (root a aaaa00 1111, root b bbbb00 1111) stand apart and are not compared." in (
        cautions(frame)
    )
    assert "root a" not in table(frame.iloc[[0, 2]])


def test_rows_that_say_less_are_of_the_one_test_part_that_others_of_their_data_have():
    frame = pd.DataFrame([row("a", 0), row("a", 1, test_set=None)])
    (cell,) = cells_of(frame)
    assert len(cell.runs) == 2
    frame = pd.DataFrame([row("a", 0), row("a", 1, test_set=None), row("b", 0, test_set="2222")])
    assert len(cells_of(frame)) == 3


def test_a_folder_under_another_name_is_the_same_data():
    frame = pd.DataFrame([row("a", 0), row("a", 1, root="elsewhere")])
    assert len(cells_of(frame)) == 1


def test_the_same_seed_twice_on_the_same_images_is_still_refused():
    with pytest.raises(UserError, match="more than one run with seed 0"):
        cells_of(pd.DataFrame([row("a"), row("a")]))
