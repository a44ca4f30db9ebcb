"""Two processes on the same runs: each trained once, also when one takes a run from the other."""

import json
from pathlib import Path

import pytest

from gnn_dml.config.compose import resolve
from gnn_dml.experiments.claim import ClaimLostError
from gnn_dml.experiments.finished import check_weights
from gnn_dml.experiments.reuse import run_folder
from gnn_dml.experiments.run_all import run_all, say_once

WORK = """
import json, sys
from gnn_dml.config.compose import resolve
from gnn_dml.experiments.run_all import run_all
configs = [resolve([*json.loads(sys.argv[1]), "graph=none", f"seed={seed}"]) for seed in (0, 1)]
print("ready", flush=True)
for config, row, reused in run_all(configs, beat=0.2, patience=20):
    print(json.dumps([row["run_id"], row["weights"], reused]), flush=True)
"""


def check_folder(out, rows):
    folders = sorted(path.parent for path in Path(out).glob("*/*/result.json"))
    assert [folder.name for folder in folders] == sorted(name for name, _, _ in rows)
    assert len(folders) == 2
    for folder in folders:
        check_weights(folder)
        assert not list(folder.glob("claim.*"))


def test_two_processes_train_each_run_once(processes, tiny_settings, tmp_path):
    workers = [processes.Process("-c", WORK, json.dumps(tiny_settings)) for _ in range(2)]
    found = [[json.loads(line) for line in worker.communicate()[0].splitlines()[1:]] for worker in workers]
    assert [worker.returncode for worker in workers] == [0, 0]
    assert {name: sums["best.pt"] for name, sums, _ in found[0]} == {n: sums["best.pt"] for n, sums, _ in found[1]}
    assert sorted(reused for rows in found for _, _, reused in rows) == [False, False, True, True]
    check_folder(tmp_path / "runs", found[0])


def overtaken(folder, times):
    """Watches batches; at the first one of the first trainings another host claims the folder and then falls silent."""
    starts = []

    def on_start(total, done):
        starts.append(done)
        last = max(int(path.name.split(".")[1]) for path in folder.glob("claim.*.json"))

        def advance(loss):
            if len(starts) <= times:
                (folder / f"claim.{last + 1}.json").write_text('{"host": "elsewhere", "pid": 7}')

        return advance

    return on_start


def test_a_run_that_was_taken_over_does_not_end_the_study(tiny_settings):
    configs = [resolve([*tiny_settings, "graph=none", f"seed={seed}"]) for seed in (0, 1)]
    folder, sentences = run_folder(configs[0]), []
    watchers = {0: overtaken(folder, times=1), 1: None}
    done = list(
        run_all(configs, on_run=lambda one: watchers[one["seed"]], say=sentences.append, beat=0.1, patience=1),
    )
    assert [(config["seed"], reused) for config, _, reused in done] == [(1, False), (0, False)]
    assert len(sentences) == 1
    assert f"{folder} was taken over" in sentences[0]
    check_weights(folder)
    assert not list(folder.glob("claim.*"))


def test_a_run_that_is_lost_again_and_again_is_an_error(tiny_settings):
    config = resolve([*tiny_settings, "graph=none"])
    lost = overtaken(run_folder(config), times=10)
    with pytest.raises(ClaimLostError, match="taken over"):
        list(run_all([config], on_start=lost, beat=0.1, patience=0.5))
    assert not (run_folder(config) / "result.json").exists()


def test_a_sentence_about_the_data_is_said_once_in_a_study():
    said = []
    say = say_once(said.append)
    for sentence in ("one", "two", "one", "one"):
        say(sentence)
    assert said == ["one", "two"]
