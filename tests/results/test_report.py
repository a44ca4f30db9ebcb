import json
import math

import numpy as np
import pandas as pd
import pytest

from gnn_dml.errors import UserError
from gnn_dml.results import collect, summarise, write_report
from gnn_dml.results.report import complete_request
from gnn_dml.results.sentences import describe_difference, exact_limits, seeds_for_exact
from gnn_dml.results.study_notes import read_study_notes

CELLS = {
    "CE only": [0.40, 0.41, 0.39, 0.405, 0.41],
    "complete": [0.50, 0.52, 0.49, 0.51, 0.515],
    "kNN": [0.5005, 0.5203, 0.4908, 0.5102, 0.5154],
}


@pytest.fixture
def study(write_study, tmp_path):
    return write_study(tmp_path / "topology", CELLS)


def test_it_says_a_sentence_a_cell_and_writes_what_pandas_reads_without_options(study):
    found = write_report(study, collect(study))
    lines = found.text.splitlines()
    assert lines[0] == (
        "* CE only is 10.4 points below complete in refined MAP@R, 95 % -10.9 to -9.9, 5 seeds: different after Holm."
    )
    assert lines[1] == (
        "* kNN is 0.04 points above complete in refined MAP@R, 95 % 0.02 to 0.07, 5 seeds: equivalent within 1 point"
    )
    said = " ".join(found.text.split())
    assert "5 seeds never go below p = 0.0625; 8 comparisons want 9 seeds." in said
    assert "8 comparisons were corrected together" in said
    assert "without figures by class" in said
    assert found.unwritten == ()
    for name in ("cells", "differences"):
        back, made = pd.read_csv(study / f"{name}.csv"), getattr(found.summary, name)
        assert list(back.columns) == list(made.columns)
        numbers = made.select_dtypes("number").columns
        assert back[numbers].to_numpy(float) == pytest.approx(made[numbers].to_numpy(float), nan_ok=True)
        assert back["cell"].tolist() == made["cell"].tolist()
        assert back["n"].dtype == int
    drawn = {path.name for path in study.glob("*.png")}
    assert drawn == {f"dots-{b}_{m}.png" for b in ("backbone", "refined") for m in ("recall@1", "map@r")}
    assert {path.name for path in found.files} == drawn | {"cells.csv", "differences.csv"}


def test_files_that_say_the_same_are_left_alone(study):
    write_report(study, collect(study), metrics=["refined_map@r"])
    before = {path.name: path.stat().st_mtime_ns for path in study.glob("*.csv")}
    write_report(study, collect(study), metrics=["refined_map@r"])
    assert {path.name: path.stat().st_mtime_ns for path in study.glob("*.csv")} == before


def test_the_files_say_what_all_runs_say_and_the_words_what_the_rows_given_say(study, write_study):
    frame = collect(study)
    write_study(study, {"random": CELLS["CE only"]})  # another process ended these meanwhile
    some = frame[frame["cell"] != "CE only"].reset_index(drop=True)
    found = write_report(study, some, metrics=["refined_map@r"])
    assert set(pd.read_csv(study / "differences.csv")["cell"]) == {"CE only", "kNN", "random"}
    assert "CE only" not in found.text
    assert "random" not in found.text


def test_what_a_study_says_of_itself_counts_where_nothing_else_is_said(study):
    notes = {"question": "Does it matter?", "reference": "kNN", "margin": 0.01, "metrics": ["backbone_map@r"]}
    (study / "study.json").write_text(json.dumps(notes))
    frame = collect(study)
    found = write_report(study, frame)
    assert found.text.startswith("Does it matter?\n* CE only is 10.4 points below kNN in backbone MAP@R")
    assert set(found.summary.differences["margin"]) == {0.0001}
    other = write_report(study, frame, reference="CE only", margin=2.0, metrics=["seconds"], question="Or this?")
    assert other.text.startswith("Or this?\n")
    assert set(other.summary.differences["reference"]) == {"CE only"}
    assert other.summary.metrics == ("seconds",)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{", "cannot be read as JSON"),
        ("[1]", "no JSON object"),
        ('{"margin": -1, "reference": "complete"}', "not a number of points above 0"),
        ('{"margin": true}', "not a number of points above 0"),
        ('{"reference": "gone"}', "'gone' of the study has no ended run yet"),
        ('{"metrics": ["refined_nmi"]}', "asks for 'refined_nmi'"),
        ('{"metrics": "refined_nmi"}', "not a list of columns"),
        ('{"factors": {"kNN": 3}}', "not an object"),
        ('{"question": 5, "cells": [1]}', "not a list of cells"),
    ],
)
def test_notes_that_make_no_sense_are_said_and_passed_over(study, text, said):
    (study / "study.json").write_text(text)
    asked = complete_request(study, collect(study), reference=None, margin=None, metrics=None)
    assert said in " ".join(asked.said)
    assert asked.given == {"reference": None, "margin": 1.0, "metrics": None} | (
        {"reference": "complete"} if '"complete"' in text else {}
    )


def test_what_is_said_of_notes_is_in_the_report(study):
    (study / "study.json").write_text('{"margin": -1}')
    found = write_report(study, collect(study), metrics=["seconds"])
    assert "not a number of points above 0" in " ".join(found.text.split())


def test_without_notes_nothing_is_known(tmp_path):
    assert read_study_notes(tmp_path).damaged == ()
    assert read_study_notes(tmp_path).reference is None


def test_diverged_runs_and_one_seed_are_said(write_study, tmp_path):
    study = write_study(tmp_path / "s", CELLS | {"random": [0.4, None, 0.4, None, 0.41], "once": [0.3]})
    found = write_report(study, collect(study), metrics=["refined_map@r"])
    assert "Diverged runs are left out: random (2 of 5)." in found.text
    assert "once" not in found.text.split("were corrected")[0].split("Not settled")[0]
    alone = write_study(tmp_path / "t", {"kNN": [0.5], "complete": [0.4]})
    assert "corrected" not in write_report(alone, collect(alone), metrics=["refined_map@r"]).text


def test_seeds_of_other_versions_are_said(write_study, tmp_path):
    study = write_study(tmp_path / "s", {"complete": CELLS["complete"]}, version="1")
    write_study(study, {"kNN": CELLS["kNN"]}, version="2")
    frame = collect(study)
    assert "kNN: seeds that ran with other versions" in write_report(study, frame, metrics=["refined_map@r"]).text
    mixed = write_report(study, frame, metrics=["refined_map@r"], mix_versions=True)
    assert "other versions" not in mixed.text
    assert mixed.summary.differences["n"].tolist() == [5]


def test_what_cannot_be_written_is_said_and_costs_no_words(study):
    (study / "cells.csv").mkdir()
    (study / "dots-refined_map@r.png").mkdir()
    found = write_report(study, collect(study), metrics=["refined_map@r"])
    assert len(found.unwritten) == 2
    assert all(sentence.startswith(f"cannot write {study}") for sentence in found.unwritten)
    assert "complete" in found.text
    with pytest.raises(UserError, match="no cell 'gone'"):
        write_report(study, collect(study), reference="gone")


def test_no_picture_of_more_cells_than_anybody_reads(write_study, tmp_path):
    study = write_study(tmp_path / "s", {f"cell {i}": [0.5, 0.5 + i / 1000] for i in range(81)})
    found = write_report(study, collect(study), metrics=["refined_map@r"])
    assert "81 cells are not drawn" in found.text
    assert not list(study.glob("*.png"))
    assert "and 74 more" in found.text


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"mean": -0.02, "ci_low": -0.03, "ci_high": -0.01}, "is 2.0 points below complete"),
        ({"mean": -0.02, "ci_low": -0.03, "ci_high": -0.01}, "in refined MAP@R, 95 % -3.0 to -1.0, 10 seeds"),
        ({"within_margin": True}, "different after Holm, and within 1 point"),
        ({"verdict": "equivalent", "margin": 0.005}, "equivalent within 0.5 points after Holm"),
        ({"verdict": "not settled"}, "10 seeds: not settled"),
        ({"n": 1}, "is 0.6 points above complete in refined MAP@R, 1 seed: no interval and no verdict"),
        ({"n": 0}, "kNN and complete have no seed in common in refined MAP@R"),
        ({"mean": 0.0}, "kNN equals complete in refined MAP@R"),
        ({"metric": "seconds", "mean": 12.345}, "is 12.3 above complete in seconds"),
    ],
)  # fmt: skip
def test_sentences(changed, said):
    row = {"cell": "kNN", "reference": "complete", "metric": "refined_map@r", "n": 10, "mean": 0.006}
    row |= {"ci_low": 0.001, "ci_high": 0.011, "verdict": "different", "within_margin": False, "margin": 0.01}
    assert said in describe_difference({**row, **changed})


@pytest.mark.parametrize("comparisons", range(1, 60))
def test_the_seeds_for_the_exact_test_are_the_fewest_that_are_enough(comparisons):
    n = seeds_for_exact(comparisons)
    assert comparisons * 2 / 2**n <= 0.05 < comparisons * 2 / 2 ** (n - 1)


def test_the_exact_test_is_not_complained_of_where_it_can_speak():
    rng = np.random.default_rng(0)
    rows = [
        {"run_id": f"{c}{s}", "cell": c, "seed": s, "status": "finished", "refined_map@r": float(rng.normal(0.5, 0.01))}
        for c in ("complete", "kNN")
        for s in range(7)
    ]
    frame = pd.DataFrame(rows)
    assert list(exact_limits(summarise(frame).differences)) == []
    assert "want" in next(exact_limits(summarise(frame[frame["seed"] < 5]).differences))
    assert math.isnan(summarise(frame).differences["class_low"].iloc[0])
