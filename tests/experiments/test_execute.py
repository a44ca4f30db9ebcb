"""One run that another process takes over while it is trained here."""

import shutil

import pytest

from gnn_dml.config.compose import resolve
from gnn_dml.experiments.execute import execute, summary
from gnn_dml.experiments.reuse import run_folder


@pytest.fixture
def config(tiny_settings):
    return resolve(tiny_settings)


@pytest.fixture
def on_start(config):
    """At the first batch another host claims the folder."""
    starts = []

    def start(total, done):
        starts.append(done)

        def advance(loss):
            if len(starts) == 1:
                (run_folder(config) / "claim.2.json").write_text('{"host": "elsewhere", "pid": 7}')

        return advance

    return start


def test_the_result_of_the_other_is_waited_for(config, on_start, tmp_path):
    there = {**config, "out": str(tmp_path / "there")}
    row, _ = execute(there)
    lost, waits = [], []

    def on_wait(sentence):
        waits.append(sentence)
        shutil.copytree(run_folder(there), run_folder(config), dirs_exist_ok=True)
        (run_folder(config) / "claim.2.json").unlink()

    found, reused = execute(config, on_start, on_wait=on_wait, say=lost.append, beat=0.1, patience=60)
    assert reused
    assert found == row
    assert len(lost) == len(waits) == 1
    assert "was taken over" in lost[0]
    assert "process 7 on elsewhere" in waits[0]
    assert not list(run_folder(config).glob("claim.*"))


def test_an_other_that_falls_silent_is_taken_over_in_turn(config, on_start):
    row, reused = execute(config, on_start, beat=0.1, patience=0.5)
    assert row["status"] == "finished"
    assert not reused
    assert not list(run_folder(config).glob("claim.*"))


def test_the_line_about_a_run_says_what_keeps_its_graph_from_counting():
    row = {"cell": "complete", "seed": 0, "status": "finished", "backbone_recall@1": 0.5, "seconds": 3.2}
    assert summary(row) == "complete, seed 0: Recall@1 50.0 (3 s)"
    told = summary({**row, "refined_recall@1": 0.25, "graph_note": "the attention is uniform"})
    assert told == "complete, seed 0: Recall@1 50.0, refined 25.0 (3 s); the attention is uniform"
    assert summary({**row, "status": "diverged"}) == "complete, seed 0: diverged"
