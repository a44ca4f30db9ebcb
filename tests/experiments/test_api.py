"""A run and a study from Python, each in one call, ending in a DataFrame."""

import shutil
from pathlib import Path

import pandas as pd
import pytest

from gnn_dml.errors import UserError
from gnn_dml.experiments import evaluate, run_study, train
from gnn_dml.experiments.study import Study

QUICK = ("protocol.epochs=0", "protocol.select_on=none")


@pytest.fixture
def settings(tiny_settings):
    return [setting for setting in tiny_settings if not setting.startswith("protocol.epochs")]


def test_a_run_its_row_and_the_same_again(settings):
    frame = train([*settings, "protocol.epochs=1", "graph=isolated", "cell=control"])
    assert frame[["cell", "graph", "status", "seed"]].to_dict("records") == [
        {"cell": "control", "graph": "isolated", "status": "finished", "seed": 0}
    ]
    assert not frame.attrs["reused"]
    again = train([*settings, "protocol.epochs=1", "graph=isolated", "cell=control"])
    assert again.attrs["reused"]
    pd.testing.assert_frame_equal(again, frame)
    measured = evaluate([frame.attrs["folder"]], device="cpu")
    assert measured.loc[0, "recall@1"] == frame.loc[0, "backbone_recall@1"]


def test_a_study_with_the_settings_that_differ_as_columns(settings, tmp_path):
    rows = []
    frame = run_study(
        Study(
            "mine",
            (0, 1),
            ("protocol.epochs=1", "protocol.select_on=none", "graph=knn"),
            {"two": ("graph.k=2",), "three": ("graph.k=3",)},
        ),
        settings=settings,
        on_row=lambda row, number, total, reused: rows.append((number, total)),
    )
    assert rows == [(1, 4), (2, 4), (3, 4), (4, 4)]
    assert list(frame["cell"]) == ["two", "two", "three", "three"]
    assert list(frame["graph.k"]) == [2, 2, 3, 3]
    assert frame["graph.k"].dtype == "Int64"
    assert "optimizer.lr" not in frame
    text = pd.read_csv(tmp_path / "runs" / "mine" / "results.csv", dtype=str)
    assert set(text["chosen_epoch"]) == {"1"}  # and not 1.0


def test_folders_of_two_machines_merge_by_copying(settings, tmp_path):
    """Two seeds on two machines; one folder copied over the other, and the study run again there."""
    study = Study("mine", (0,), QUICK, {"none": ("graph=none",), "isolated": ("graph=isolated",)})
    here, there = tmp_path / "here", tmp_path / "there"
    run_study(study, settings=[*settings, f"out={here}"], seeds=[0])
    run_study(study, settings=[*settings, f"out={there}"], seeds=[1])
    shutil.copytree(there, here, dirs_exist_ok=True)
    reused = []
    frame = run_study(
        study,
        settings=[*settings, f"out={here}"],
        seeds=[0, 1],
        on_row=lambda row, number, total, was_there: reused.append(was_there),
    )
    assert reused == [True] * 4
    assert sorted(zip(frame["cell"], frame["seed"], strict=True)) == [
        ("isolated", 0),
        ("isolated", 1),
        ("none", 0),
        ("none", 1),
    ]


def test_a_wrong_cell_stops_a_study_before_its_first_run(settings, tmp_path):
    study = Study("mine", (0,), (), {"good": (), "bad": ("graph=knn", "graph.k=99")})
    with pytest.raises(UserError, match=r"cell 'bad' of the study mine: graph\.k=99 is too large"):
        run_study(study, settings=settings)
    assert not Path(tmp_path / "runs").exists()
