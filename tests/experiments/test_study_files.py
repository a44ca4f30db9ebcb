"""What a study says of itself in its folder."""

import json

import pytest

from gnn_dml.errors import UserError
from gnn_dml.experiments.study import Study, plan
from gnn_dml.experiments.study_files import read_plan, read_study_file, write_plan, write_study

STUDY = Study(
    *("mine", (0, 1), (), {"one": ("graph=none",), "complete": ("graph=complete",)}),
    question="Why?",
    factors={"complete": {"graph": "complete"}},
)


def test_a_study_as_it_is_written(tmp_path):
    write_study(tmp_path, STUDY)
    assert read_study_file(tmp_path) == {
        "format": 1,
        "name": "mine",
        "question": "Why?",
        "reference": "complete",
        "margin": 1.0,
        "metrics": ["backbone_recall@1", "backbone_map@r", "refined_recall@1", "refined_map@r"],
        "cells": ["one", "complete"],
        "factors": {"complete": {"graph": "complete"}},
    }


def test_what_says_the_same_is_not_written_again(tmp_path):
    write_study(tmp_path, STUDY)
    before = (tmp_path / "study.json").stat().st_ino
    write_study(tmp_path, STUDY)
    assert (tmp_path / "study.json").stat().st_ino == before


def test_the_plan_holds_every_run_in_its_order(tmp_path):
    configs = plan(STUDY, [3, 4])
    write_plan(tmp_path, configs)
    runs = read_plan(tmp_path)
    assert [(run["cell"], run["seed"], run["epochs"]) for run in runs] == [
        (cell, seed, 10) for seed in (3, 4) for cell in ("one", "complete")
    ]
    assert len({run["run_id"] for run in runs}) == 4


def test_a_folder_without_them_says_nothing(tmp_path):
    assert read_study_file(tmp_path) == {}
    assert read_plan(tmp_path) == []


@pytest.mark.parametrize("said", [{"format": 2}, {"format": "x\n"}, {"name": "mine"}])
def test_the_folder_of_another_version_is_refused(tmp_path, said):
    (tmp_path / "study.json").write_text(json.dumps(said))
    with pytest.raises(UserError, match="is the folder of a study of another version"):
        read_study_file(tmp_path)


@pytest.mark.parametrize(
    "text", ["[", "[]", '{"runs": 3}', '{"runs": [{"run_id": "../x", "cell": "a", "seed": 0, "epochs": 1}]}']
)
def test_a_plan_that_cannot_be_understood_is_one_sentence(tmp_path, text):
    (tmp_path / "planned.json").write_text(text)
    with pytest.raises(UserError, match=r"planned\.json") as caught:
        read_plan(tmp_path)
    assert "\n" not in str(caught.value)
