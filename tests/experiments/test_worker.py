"""What a worker is told, and that it ends with whoever told it."""

import json
import time
from pathlib import Path

import pytest

from gnn_dml.experiments.status import StatusReader
from gnn_dml.experiments.study import Study, plan
from gnn_dml.experiments.study_files import write_plan
from gnn_dml.experiments.worker import Job, work

ROOT = Path(__file__).resolve().parents[2]
STUDY = Study(
    *("s", (0,), ("protocol.epochs=1",), {"a": ("graph=none",), "b": ()}),
    metrics=("backbone_nmi",),
    factors={"a": {"graph": "none", "graph.k": 2}},
)


def test_a_job_comes_through_text_as_it_is():
    job = Job(STUDY, (0, 1), ("seed=1",), ("dir",), ("a",), collect=True)
    text = job.as_json()
    assert "\n" not in text
    assert Job.from_json(text) == job
    assert json.loads(text)["folder"] == str(Path.cwd())


@pytest.fixture
def job(tiny_settings, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    settings = tuple(one for one in tiny_settings if not one.startswith("protocol.epochs"))
    return Job(STUDY, (0,), settings, collect=True)


def test_a_worker_does_what_is_left_and_collects(job, tmp_path):
    said = []
    work(job, said.append)
    rows = (tmp_path / "runs" / "s" / "results.csv").read_text().splitlines()
    assert [row.split(",")[2] for row in rows[1:]] == ["a", "b"]
    assert [sentence for sentence in said if "written" in sentence] == []


BEHIND = """
import signal, sys
from gnn_dml.experiments.worker import main
signal.signal(signal.SIGINT, signal.SIG_IGN)  # as of a command that a script starts in the background
sys.exit(main())
"""


def test_a_worker_ends_when_its_input_does(processes, job, tmp_path):
    """And gives its claim back: nobody has to wait for it."""
    long = Study("s", (0,), ("protocol.epochs=1000",), {"a": ("graph=none",)})
    folder = tmp_path / "runs" / "s"
    folder.mkdir(parents=True)
    write_plan(folder, plan(long, [0], job.settings))
    process = processes.Process("-c", BEHIND, cwd=ROOT)
    process.stdin.write(f"{Job(long, (0,), job.settings).as_json()}\n")
    process.stdin.flush()
    while not any(run.epoch for run in StatusReader(folder).read().of("running")):  # at work, not just about to be
        assert process.poll() is None
        time.sleep(0.05)
    out, errors = process.communicate()
    print(out, errors)
    assert process.returncode == 130
    assert not list(folder.glob("*/claim.*"))
