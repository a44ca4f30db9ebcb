"""`gnn-dml tune` that is killed and started again: the same number of trials in each cell, none lost, none doubled.

`GNN_DML_MOMENTS=5` tries more moments than the suite has time for.
"""

import os
import random
import subprocess
import time

import pandas as pd
import pytest

MOMENTS = int(os.environ.get("GNN_DML_MOMENTS", "1"))
STUDY = "seeds: [0]\ncells:\n  none: [graph=none]\n  near: [graph=knn, graph.k=3]\n"
SPACE = "settings:\n  optimizer.lr: {low: 0.001, high: 0.1, log: true}\n"


@pytest.mark.parametrize("moment", range(MOMENTS))
def test_a_search_goes_on_where_it_was_killed(processes, tiny_settings, tmp_path, moment):
    study, space = tmp_path / "pair.yaml", tmp_path / "rates.yaml"
    study.write_text(STUDY)
    space.write_text(SPACE)
    settings = [*tiny_settings, "protocol.epochs=1"]
    command = ["-m", "gnn_dml.cli.main", "tune", study, "--trials", "2", "--space", space, *settings]
    folder = tmp_path / "runs" / "pair" / "tune"
    killed = processes.Process(*command)
    while not folder.is_dir() and killed.poll() is None:
        time.sleep(0.02)
    try:
        killed.wait(random.Random(moment).uniform(0, 3))
    except subprocess.TimeoutExpired:
        killed.kill()
    killed.communicate()
    there = {path.parent.name: path.read_bytes() for path in folder.glob("*/result.json")}
    out, error = processes.Process(*command).communicate()
    print(killed.returncode, len(there), out, error, sep="\n")
    frame = pd.read_csv(folder / "trials.csv")
    assert frame.groupby("cell")["trial"].apply(list).to_dict() == {"near": [0, 1], "none": [0, 1]}
    assert frame["value"].between(0, 1).all()
    assert frame.groupby("trial")["optimizer.lr"].nunique().eq(1).all()  # the first ten are the same for all cells
    results = {path.parent.name: path.read_bytes() for path in folder.glob("*/result.json")}
    assert len(results) == 4
    assert there.items() <= results.items()
    assert "ablate" in out
    assert "near: optimizer.lr=" in out
