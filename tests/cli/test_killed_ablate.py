"""`gnn-dml ablate` is killed and started again: the rows are those of an undisturbed study.

`GNN_DML_MOMENTS=10` tries more moments than the suite has time for.
"""

import os
import random
import time

import pandas as pd

from gnn_dml.experiments import run_study
from gnn_dml.experiments.finished import check_weights

MOMENTS = int(os.environ.get("GNN_DML_MOMENTS", "1"))
STUDY = "seeds: [0]\ncells:\n  none: [graph=none]\n  near: [graph=knn, graph.k=3]\n"


def without_times(path):
    frame = pd.read_csv(path)
    return frame.drop(columns=[name for name in frame if "seconds" in name])


def test_a_killed_study_ends_as_an_undisturbed_one(processes, settings_in, tmp_path):
    """Two that share the work are killed at once, with a run done or all at work, and one process ends it."""
    study = tmp_path / "pair.yaml"
    study.write_text(STUDY)
    settings = [one for one in settings_in(tmp_path) if not one.startswith("out=")]
    run_study(str(study), settings=[*settings, f"out={tmp_path / 'undisturbed'}"])
    expected = without_times(tmp_path / "undisturbed" / "pair" / "results.csv")
    assert len(expected) == 2
    for moment in range(MOMENTS):
        folder = tmp_path / f"killed{moment}" / "pair"
        command = ["-m", "gnn_dml.cli.main", "ablate", study, *settings, f"out={folder.parent}"]
        killed = [processes.Process(*command) for _ in range(2)]
        awaited = ("*/claim.*", "*/result.json")[moment % 2 == 0]
        while any(one.poll() is None for one in killed) and not list(folder.glob(awaited)):
            time.sleep(0.02)
        time.sleep(random.Random(moment).uniform(0, 0.5))
        for one in killed:
            one.kill()
        for one in killed:
            one.communicate()
        ended = sorted(path.parent.name for path in folder.glob("*/result.json"))
        again = processes.run(*command)
        print(moment, [one.returncode for one in killed], ended, again.stdout, again.stderr)
        assert again.returncode == 0, again.stderr
        pd.testing.assert_frame_equal(without_times(folder / "results.csv"), expected)
        for run_id in expected["run_id"]:
            check_weights(folder / run_id)
        assert [path.name for path in folder.glob("*/claim.*")] == []
        assert sorted(path.name for path in folder.iterdir() if path.is_dir()) == sorted(expected["run_id"])
