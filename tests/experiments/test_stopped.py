"""A process that is stopped while it trains, and goes on when another one has ended its run."""

import json
import signal
import sys

import pytest

from gnn_dml.config.compose import resolve
from gnn_dml.experiments.execute import execute
from gnn_dml.experiments.finished import check_weights
from gnn_dml.experiments.reuse import run_folder

TRAIN = """
import json, sys
from gnn_dml.config.compose import resolve
from gnn_dml.experiments.execute import execute

def on_start(total, done):
    batches = []
    def advance(loss):
        batches.append(loss)
        if len(batches) == total // 2 + 1:
            print("in the second epoch", flush=True)
            sys.stdin.readline()
    return advance

sentences = []
row, reused = execute(resolve(json.loads(sys.argv[1])), on_start, say=sentences.append, beat=0.1, patience=60)
print(json.dumps([row, reused, sentences]), flush=True)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="processes cannot be stopped there")
def test_a_stopped_process_writes_nothing_more_and_ends_with_the_row_of_the_other(processes, tiny_settings):
    config = resolve(tiny_settings)
    folder = run_folder(config)
    stopped = processes.Process("-c", TRAIN, json.dumps(tiny_settings))
    assert stopped.stdout.readline() == "in the second epoch\n"
    stopped.send_signal(signal.SIGSTOP)
    try:
        starts = []
        row, reused = execute(
            config,
            lambda total, done: starts.append((total, done)) or (lambda loss: None),
            beat=0.1,
            patience=0.5,
        )
        before = {path.name: (path.stat().st_ino, path.stat().st_mtime_ns) for path in folder.iterdir()}
    finally:
        stopped.send_signal(signal.SIGCONT)
    out, _ = stopped.communicate("go on\n")
    assert not reused
    assert starts[0][1] == starts[0][0] // 2  # the epoch that the other had finished was not done again
    found, found_there, sentences = json.loads(out)
    assert found == row
    assert found_there
    assert len(sentences) == 1
    assert "was taken over" in sentences[0]
    assert {path.name: (path.stat().st_ino, path.stat().st_mtime_ns) for path in folder.iterdir()} == before
    check_weights(folder)
