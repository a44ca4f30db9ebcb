"""Footnotes of a table on what its rows were measured on."""

import math

import pandas as pd
import pytest

from gnn_dml.results import table


def row(cell, seed=0, **columns):
    own = {"run_id": f"{cell}-{seed}", "cell": cell, "overrides": "", "seed": seed, "status": "finished"}
    return {**own, "selected_on": "val", "seconds": 1.0, "backbone_recall@1": 0.5, "backbone_map@r": 0.5, **columns}


def notes(*rows):
    return " ".join(table(pd.DataFrame(rows)).split("\n\n")[-1].split())


def test_queries_without_an_answer_are_counted_once():
    found = notes(row("a", test_queries=28, test_answered=8), row("b", test_queries=28, test_answered=8))
    assert found.count("Retrieval is over 8 of 28 queries: the other 20 have no image of their class to find.") == 1
    assert "Retrieval is over" not in notes(row("a", test_queries=8, test_answered=8))


def test_images_that_were_left_out_and_files_passed_over():
    found = notes(row("a", skipped_images=3, passed_over="2 (no image suffix)"), row("b", skipped_images=0))
    assert "3 images could not be read and were left out." in found
    assert "Files left aside: 2 (no image suffix)." in found


@pytest.mark.parametrize(
    ("column", "one", "other"),
    [("device", "cpu", "cuda"), ("threads", 1, 8), ("torch", "2.1", "2.2"), ("version", "0.1", "0.2"),
     ("versions", "numpy 1", "numpy 2")],
)  # fmt: skip
def test_unlike_machines_and_versions_are_said(column, one, other):
    assert f"({one}; {other}): figures may differ for that alone." in notes(
        row("a", **{column: one}), row("b", **{column: other})
    )
    assert "may differ" not in notes(row("a", **{column: one}), row("b", **{column: one}), row("c", **{column: None}))


def test_other_code_within_a_cell_is_said():
    found = notes(row("a", 0, code="mine 12ab"), row("a", 1, code="mine 34cd"), row("b", 0, code="mine 12ab"))
    assert "a: its seeds ran with different code" in found
    assert "b: its seeds" not in found


def test_what_speaks_against_the_choice_is_said_of_the_cells_that_it_is_true_of():
    assert (
        "Weak. "
        in notes(
            row("a", choice_note="weak"),
            row("b", choice_note="weak"),
        )
        + " "
    )
    found = notes(row("a", choice_note="weak"), row("b", 0, choice_note="weak"), row("b", 1), row("c"))
    assert "a, b (1 of 2 runs): weak." in found
    assert "Nothing was tested." in notes(row("a", test_note="nothing was tested"))


def test_missing_columns_and_missing_numbers_are_no_notes():
    assert "Retrieval" not in notes(row("a"), row("b", test_queries=math.nan, test_answered=math.nan))
