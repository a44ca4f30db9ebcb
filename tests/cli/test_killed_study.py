"""Two `gnn-dml ablate` on one folder, one of which is killed: the other ends with every cell once, nothing left over.

`GNN_DML_MOMENTS=5` tries more moments than the suite has time for.
"""

import os
import random
import re
import subprocess
import time

import pandas as pd
import pytest

from gnn_dml.experiments.finished import check_weights

MOMENTS = int(os.environ.get("GNN_DML_MOMENTS", "1"))
STUDY = "seeds: [0]\ncells:\n  none: [graph=none]\n  near: [graph=knn, graph.k=3]\n"
ROW = re.compile(r"^\[\d/2\] (\w+), seed 0: [^,\n]*(?:, refined [^,\n]*)?(, reused)?$", re.MULTILINE)


def has_begun(folder, process):
    """Whether this process has claimed a run of the study or has ended."""
    try:
        claims = [path.read_text() for path in folder.glob("*/claim.*.json")]
    except FileNotFoundError:  # given back meanwhile
        claims = []
    return process.poll() is not None or any(f'"pid": {process.pid},' in text for text in claims)


@pytest.mark.parametrize("moment", range(MOMENTS))
def test_the_other_finishes_what_a_killed_one_left(processes, tiny_settings, tmp_path, moment):
    study, folder = tmp_path / "pair.yaml", tmp_path / "runs" / "pair"
    study.write_text(STUDY)
    command = ["-m", "gnn_dml.cli.main", "ablate", study, *tiny_settings, "pictures=true", "protocol.epochs=1"]
    killed, other = processes.Process(*command), processes.Process(*command)
    while not has_begun(folder, killed):
        time.sleep(0.02)
    try:
        killed.wait(random.Random(moment).uniform(0, 1.5))
    except subprocess.TimeoutExpired:
        killed.kill()
    before = sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())
    first, _ = killed.communicate()
    second, error = other.communicate()
    print(killed.returncode, before, first, second, error, sep="\n")
    assert other.returncode == 0, error
    frame = pd.read_csv(folder / "results.csv")
    assert sorted(frame["cell"]) == ["near", "none"]
    assert sorted(frame["run_id"]) == sorted(path.parent.name for path in folder.glob("*/config.yaml"))
    assert {cell for cell, _ in ROW.findall(second)} == {"near", "none"}
    trained = [cell for text in (first, second) for cell, reused in ROW.findall(text) if not reused]
    assert len(trained) == len(set(trained))
    for run_id in frame["run_id"]:
        check_weights(folder / run_id)
    names = [path.name for path in folder.glob("*/*")]
    assert [name for name in names if name.startswith((".partial", "claim.", "resume"))] == []
    assert names.count("neighbours.png") == 2
