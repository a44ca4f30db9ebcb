"""Workers that others start: here as processes, by submitit's executor of this machine, and as tasks of Ray.

A worker is killed in the middle of a run, which another one, or the same one started again, ends. A job of submitit is
killed before that: what workers do about each other does not depend on who started them, and a start takes longest.
"""

import importlib.util
import os
import signal

import psutil
import pytest

from gnn_dml.errors import UserError
from gnn_dml.experiments import run_study
from gnn_dml.experiments.finished import check_weights
from gnn_dml.experiments.launch import check_launch
from gnn_dml.experiments.launch_local import usable_cores, visible_gpus, worker_environment
from gnn_dml.experiments.study import Study

STUDY = Study("s", (0, 1), ("protocol.epochs=6",), {"none": ("graph=none",)})


class Killer:
    """Kills the first worker that has finished an epoch."""

    def __init__(self):
        self.killed = None

    def __call__(self, status):
        at_work = [run for run in status.of("running") if run.epoch]
        if self.killed is None and at_work:
            pid = int(at_work[0].by.split()[1])
            assert pid != os.getpid()
            os.kill(pid, signal.SIGKILL)
            self.killed = (at_work[0].cell, at_work[0].seed)
            assert self.killed in {("none", 0), ("none", 1)}


class JobKiller:
    """Kills one of submitit's jobs, which are processes that this one has started, before it has begun."""

    def __init__(self):
        self.killed = None

    def __call__(self, status):
        if self.killed is None:
            jobs = [one for one in psutil.Process().children() if any("submitit" in word for word in one.cmdline())]
            assert len(jobs) == 2
            self.killed = min(jobs, key=lambda job: job.pid)
            for process in (self.killed, *self.killed.children(recursive=True)):
                process.kill()


def installed(name):
    missing = importlib.util.find_spec(name) is None
    return pytest.mark.skipif(missing, reason=f"{name} is not installed (the extra `cluster`)")


@pytest.mark.parametrize(
    ("how", "kill"),
    [
        pytest.param({}, Killer, id="processes"),
        pytest.param(
            {"launcher": "slurm", "launch": {"cluster": "local"}}, JobKiller, id="submitit", marks=installed("submitit")
        ),
        pytest.param({"launcher": "ray", "launch": {"num_cpus": 1}}, Killer, id="ray", marks=installed("ray")),
    ],
)
def test_the_run_of_a_killed_worker_is_run_again(how, kill, tiny_settings, tmp_path):
    settings = [one for one in tiny_settings if not one.startswith("protocol.epochs")]
    killer, rows, said = kill(), [], []
    frame = run_study(
        STUDY,
        settings=settings,
        jobs=2,
        on_status=killer,
        on_row=lambda row, number, total, reused: rows.append((row["cell"], row["seed"], reused)),
        say=said.append,
        **how,
    )
    print(said)
    expected = [("none", 0), ("none", 1)]
    assert killer.killed is not None
    assert sorted(rows) == sorted((cell, seed, False) for cell, seed in expected)
    assert list(zip(frame["cell"], frame["seed"], strict=True)) == expected
    assert set(frame["status"]) == {"finished"}
    assert set(frame["threads"]) == {1}
    for run_id in frame["run_id"]:
        check_weights(tmp_path / "runs" / "s" / run_id)
    assert not list((tmp_path / "runs" / "s").glob("*/claim.*"))


@pytest.mark.parametrize(
    ("jobs", "launcher", "launch", "message"),
    [
        (0, None, None, "jobs must be a whole number from 1 to 4096, not 0"),
        (True, None, None, "jobs must be"),
        (1, "dask", None, "launcher must be one of slurm, ray, not 'dask'"),
        (2, None, {"num_gpus": 1}, "num_gpus=1 is for a launcher, and none is named"),
    ],
)
def test_what_cannot_be_started_is_named(jobs, launcher, launch, message):
    with pytest.raises(UserError, match=message):
        check_launch(jobs, launcher, launch)


@installed("submitit")
def test_what_submitit_refuses_is_one_sentence(tiny_settings):
    with pytest.raises(UserError, match="submitit cannot start the jobs") as caught:
        run_study(STUDY, settings=tiny_settings, launcher="slurm", launch={"cluster": "local", "colour": "red"})
    assert "\n" not in str(caught.value)


def test_cores_are_shared_and_gpus_taken_in_turn():
    environments = [worker_environment(number, 4, ["2", "5"], {"HOME": "x"}, cores=8) for number in range(4)]
    assert [one["OMP_NUM_THREADS"] for one in environments] == ["2"] * 4
    assert [one["CUDA_VISIBLE_DEVICES"] for one in environments] == ["2", "5", "2", "5"]
    assert environments[0]["HOME"] == "x"
    assert worker_environment(0, 16, [], {}, cores=8)["MKL_NUM_THREADS"] == "1"
    assert "CUDA_VISIBLE_DEVICES" not in worker_environment(0, 1, [], {}, cores=8)


def test_a_lower_number_of_threads_stays():
    assert worker_environment(0, 2, [], {"OMP_NUM_THREADS": "1"}, cores=8)["OMP_NUM_THREADS"] == "1"
    assert worker_environment(0, 2, [], {"OMP_NUM_THREADS": "64"}, cores=8)["OMP_NUM_THREADS"] == "4"
    assert worker_environment(0, 2, [], {"OMP_NUM_THREADS": "many"}, cores=8)["OMP_NUM_THREADS"] == "4"
    assert 1 <= usable_cores() <= (os.cpu_count() or 1)


@pytest.mark.parametrize(
    ("said", "gpus"), [("", []), ("-1", []), ("3, 1", ["3", "1"]), ("GPU-8f,MIG-2", ["GPU-8f", "MIG-2"])]
)
def test_gpus_are_those_that_this_process_may_use(said, gpus):
    assert visible_gpus({"CUDA_VISIBLE_DEVICES": said}) == gpus
