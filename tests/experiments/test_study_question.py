"""What a study asks, beside its cells."""

import pytest

from gnn_dml.config.names import studies
from gnn_dml.errors import UserError
from gnn_dml.experiments.study import choose_cells, read_study


def read(tmp_path, text):
    path = tmp_path / "mine.yaml"
    path.write_text(text)
    return read_study(str(path))


def test_all_of_it(tmp_path):
    study = read(
        tmp_path,
        "question: >\n  Which one\n  is better?\nreference: a\nmargin: 2\nmetrics: [val_refined_map@r, purity]\n"
        "cells: {b: [], a: [graph=knn]}\n",
    )
    assert study.question == "Which one is better?"
    assert (study.reference, study.margin, study.metrics) == ("a", 2.0, ("val_refined_map@r", "purity"))


def test_what_stands_where_nothing_is_said(tmp_path):
    study = read(tmp_path, "cells: {b: [], complete: [graph=complete]}")
    assert (study.question, study.reference, study.margin, study.metrics) == ("", "complete", 1.0, ())
    assert read(tmp_path, "cells: {b: []}").reference is None


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("reference: near", "reference 'near' is none of its cells. It has nearby, b. Did you mean nearby?"),
        ("reference: [b]", "is none of its cells"),
        ("question: [a]", "question must be a sentence"),
        ("margin: 0", "margin must be percentage points above 0 and below 100"),
        ("margin: true", "margin must be"),
        ("margin: .nan", "margin must be"),
        ("metrics: refined_map@r", "metrics must be a list of columns"),
        ("metrics: []", "metrics must be a list of columns"),
        ("metrics: [refined_map@k]", "'refined_map@k' is no column of figures.* Did you mean refined_map@r?"),
        ("metrics: [status]", "'status' is no column of figures"),
        ("overides: []", "unknown keys overides; known are question, seeds"),
    ],
)
def test_what_is_wrong_is_one_sentence(tmp_path, text, message):
    with pytest.raises(UserError, match=message) as caught:
        read(tmp_path, f"cells: {{nearby: [], b: []}}\n{text}\n")
    assert "\n" not in str(caught.value)


def test_cells_by_name_in_the_order_of_the_study(tmp_path):
    study = read(tmp_path, "cells: {a: [], b: [], c: []}")
    assert choose_cells(study, []) == ["a", "b", "c"]
    assert choose_cells(study, ["c", "a"]) == ["a", "c"]
    with pytest.raises(UserError, match=r"study mine has no cell 'd'\. It has a, b, c"):
        choose_cells(study, ["a", "d"])


@pytest.mark.parametrize("name", studies())
def test_every_study_of_the_package_says_what_it_asks(name):
    study = read_study(name)
    assert study.question.endswith("?")
    assert study.reference in study.cells
