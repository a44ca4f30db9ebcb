"""How a study stands, read off files."""

import json
import os
import socket
import time

import pytest

from gnn_dml.errors import UserError
from gnn_dml.experiments.claim import boot_id
from gnn_dml.experiments.status import RunStatus, StatusReader, StudyStatus, expected_seconds, study_folder
from gnn_dml.experiments.study import Study, plan
from gnn_dml.experiments.study_files import read_plan, write_plan, write_study
from gnn_dml.experiments.watch import Watch

CELLS = {"none": ("graph=none",), "complete": ("graph=complete",)}
STUDY = Study("s", (0, 1, 2), (), CELLS, question="Which?", metrics=("backbone_map@r",))


@pytest.fixture
def folder(tmp_path):
    write_study(tmp_path, STUDY)
    write_plan(tmp_path, plan(STUDY, STUDY.seeds))
    for run in read_plan(tmp_path):
        (tmp_path / run["run_id"]).mkdir()
    return tmp_path


def runs(folder):
    return {(run["cell"], run["seed"]): folder / run["run_id"] for run in read_plan(folder)}


def finish(path, seconds, figure, status="finished"):
    row = {"run_id": path.name, "status": status, "seed": 0, "backbone_recall@1": 0.9, "backbone_map@r": figure}
    (path / "result.json").write_text(json.dumps({**row, "seconds": seconds}))


def claim(path, **said):
    (path / "claim.1.json").write_text(json.dumps({"pid": 7, "host": "elsewhere", **said}))


def test_nothing_is_done(folder):
    status = StatusReader(folder).read()
    assert (status.name, status.question, status.metric) == ("s", "Which?", "backbone_map@r")
    assert {run.state for run in status.runs} == {"left"}
    assert status.best is None
    assert status.seconds_left is None


def test_all_states_together(folder):
    held = runs(folder)
    finish(held["none", 0], 10.0, 0.5)
    finish(held["none", 1], 20.0, 0.3)
    finish(held["complete", 0], 40.0, None, status="diverged")
    (held["complete", 1] / "failed.json").write_text(json.dumps({"status": "failed", "error": "why", "seed": 1}))
    claim(held["complete", 2])
    (held["complete", 2] / "metrics.csv").write_text("epoch,loss\n1,0.5\n2,0.4\n")
    status = StatusReader(folder).read()
    found = {(run.cell, run.seed): run for run in status.runs}
    assert {key: run.state for key, run in found.items()} == {
        ("none", 0): "finished",
        ("none", 1): "finished",
        ("none", 2): "left",
        ("complete", 0): "diverged",
        ("complete", 1): "failed",
        ("complete", 2): "running",
    }
    assert found["complete", 1].error == "why"
    assert (found["complete", 2].epoch, found["complete", 2].epochs) == (2, 10)
    assert found["complete", 2].by == "process 7 on elsewhere"
    assert status.best == ("none", 0.4, 2)
    # One run of "none" by the mean of two, and eight of ten epochs of "complete".
    assert status.seconds_left == pytest.approx(15 + 40 * 0.8)


def test_only_owners_who_live_are_at_work(folder):
    held = runs(folder)
    mine = Watch(held["none", 0]).claim()
    claim(held["none", 1], locked=True, boot=boot_id(), host=socket.gethostname())  # a file that nobody has locked
    old = time.time() - 3600
    claim(held["none", 2])
    os.utime(held["none", 2] / "claim.1.json", (old, old))
    with mine:
        states = {(run.cell, run.seed): run.state for run in StatusReader(folder).read().runs}
    assert (states["none", 0], states["none", 2]) == ("running", "left")
    assert {run.state for run in StatusReader(folder).read().runs if (run.cell, run.seed) == ("none", 0)} == {"left"}


def test_a_damaged_result_is_a_failed_run(folder):
    (runs(folder)["none", 0] / "result.json").write_text("[")
    (run,) = StatusReader(folder).read().of("failed")
    assert "result.json cannot be used" in run.error


def test_a_folder_in_which_none_was_started_is_named(tmp_path):
    with pytest.raises(UserError, match="no study was started in"):
        StatusReader(tmp_path)


def test_time_is_shared_among_those_at_work():
    run = RunStatus("a", "c", 0, "finished", 10, seconds=100.0)
    at_work = RunStatus("b", "c", 1, "running", 10, epoch=5)
    status = StudyStatus("s", "", "x", (run, at_work, at_work, RunStatus("c", "d", 0, "left", 10)))
    assert status.seconds_left == pytest.approx((50 + 50 + 100) / 2)


def test_what_is_expected():
    known = [("a", 10.0), ("a", 20.0), ("b", 60.0)]
    assert expected_seconds(known, ["a", "b", "c"]) == pytest.approx(15 + 60 + 30)
    assert expected_seconds([], ["a"]) is None
    assert expected_seconds(known, []) == 0


def test_a_study_by_name_by_file_and_by_folder(tmp_path):
    assert study_folder("s", str(tmp_path)) == tmp_path / "s"
    assert study_folder("here/s.yaml", str(tmp_path)) == tmp_path / "s"
    assert study_folder(str(tmp_path), "elsewhere") == tmp_path
