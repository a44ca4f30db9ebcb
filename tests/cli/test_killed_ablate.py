"""`gnn-dml ablate` is killed with all of its workers and started again: the rows are those of an undisturbed study.

`GNN_DML_MOMENTS=10` tries more moments than the suite has time for.
"""

import os
import random
import subprocess
import time

import pandas as pd
import psutil

from gnn_dml.experiments import run_study
from gnn_dml.experiments.finished import check_weights

MOMENTS = int(os.environ.get("GNN_DML_MOMENTS", "1"))
STUDY = "seeds: [0]\ncells:\n  none: [graph=none]\n  near: [graph=knn, graph.k=3]\n  all: [graph=complete]\n"
LONGEST = 5.0
"""Seconds from the first claim on within which it is killed."""


def kill_all(process):
    """Kills a process and the workers that it has started, which are in sessions of their own."""
    try:
        workers = psutil.Process(process.pid).children(recursive=True)
    except psutil.NoSuchProcess:
        workers = []
    process.kill()
    for worker in workers:
        worker.kill()
    psutil.wait_procs(workers)


def without_times(path):
    frame = pd.read_csv(path)
    return frame.drop(columns=[name for name in frame if "seconds" in name])


def test_a_killed_study_ends_as_an_undisturbed_one(processes, tiny_settings, tmp_path):
    """Two workers shared the killed work, and one process ends it: workers anew would take longer than all the rest."""
    study = tmp_path / "trio.yaml"
    study.write_text(STUDY)
    settings = [one for one in tiny_settings if not one.startswith("out=")] + ["protocol.epochs=4"]
    run_study(str(study), settings=[*settings, f"out={tmp_path / 'undisturbed'}"])
    expected = without_times(tmp_path / "undisturbed" / "trio" / "results.csv")
    assert len(expected) == 3
    for moment in range(MOMENTS):
        out = tmp_path / f"killed{moment}"
        folder = out / "trio"
        command = ["-m", "gnn_dml.cli.main", "ablate", study, *settings, f"out={out}"]
        killed = processes.Process(*command, "--jobs", 2)
        while killed.poll() is None and not list(folder.glob("*/claim.*")):
            time.sleep(0.02)
        try:
            killed.wait(random.Random(moment).uniform(0, LONGEST))
        except subprocess.TimeoutExpired:
            kill_all(killed)
        killed.communicate()
        ended = sorted(path.parent.name for path in folder.glob("*/result.json"))
        again = processes.run(*command)
        print(moment, killed.returncode, ended, again.stdout, again.stderr)
        assert again.returncode == 0, again.stderr
        pd.testing.assert_frame_equal(without_times(folder / "results.csv"), expected)
        for run_id in expected["run_id"]:
            check_weights(folder / run_id)
        assert [path.name for path in folder.glob("*/claim.*")] == []
        assert sorted(path.name for path in folder.iterdir() if path.is_dir()) == sorted(expected["run_id"])
