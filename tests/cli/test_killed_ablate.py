"""`gnn-dml ablate` is killed and started again: the rows are those of an undisturbed study.

`GNN_DML_MOMENTS=10` tries more moments than the suite has time for.
"""

import os
import random
import time

import pandas as pd
import pytest

from gnn_dml.experiments import run_study
from gnn_dml.experiments.finished import check_weights

MOMENTS = int(os.environ.get("GNN_DML_MOMENTS", "1"))
STUDY = "seeds: [0]\ncells:\n  none: [graph=none]\n  near: [graph=knn, graph.k=3]\n"
LONGEST = 2.0
"""Seconds from the first claim on within which it is killed."""


def without_times(path):
    frame = pd.read_csv(path)
    return frame.drop(columns=[name for name in frame if "seconds" in name])


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    """A function from settings to the rows of the study; the same for all calls."""
    folder = tmp_path_factory.mktemp("undisturbed")
    (folder / "pair.yaml").write_text(STUDY)

    def rows(settings):
        run_study(str(folder / "pair.yaml"), settings=[*settings, f"out={folder}"])
        return without_times(folder / "pair" / "results.csv")

    return rows


@pytest.mark.parametrize("sharing", [1, 2])
def test_a_killed_study_ends_as_an_undisturbed_one(processes, undisturbed, tiny_settings, tmp_path, sharing):
    """All that share the work are killed at once, and one process ends it."""
    study = tmp_path / "pair.yaml"
    study.write_text(STUDY)
    settings = [one for one in tiny_settings if not one.startswith("out=")] + ["protocol.epochs=3"]
    expected = undisturbed(settings)
    assert len(expected) == 2
    for moment in range(MOMENTS):
        out = tmp_path / f"killed{moment}"
        folder = out / "pair"
        command = ["-m", "gnn_dml.cli.main", "ablate", study, *settings, f"out={out}"]
        killed = [processes.Process(*command) for _ in range(sharing)]
        while any(one.poll() is None for one in killed) and len(list(folder.glob("*/claim.*"))) < sharing:
            time.sleep(0.02)
        time.sleep(random.Random(moment).uniform(0, LONGEST))
        for one in killed:
            one.kill()
        for one in killed:
            one.communicate()
        ended = sorted(path.parent.name for path in folder.glob("*/result.json"))
        again = processes.run(*command)
        print(sharing, moment, [one.returncode for one in killed], ended, again.stdout, again.stderr)
        assert again.returncode == 0, again.stderr
        pd.testing.assert_frame_equal(without_times(folder / "results.csv"), expected)
        for run_id in expected["run_id"]:
            check_weights(folder / run_id)
        assert [path.name for path in folder.glob("*/claim.*")] == []
        assert sorted(path.name for path in folder.iterdir() if path.is_dir()) == sorted(expected["run_id"])
