"""The program as a person runs it: real processes, exit codes, what is printed and written."""

import json
import os
import re
import subprocess
import sys

import pandas as pd
import pytest

COMMANDS = ["demo", "train", "ablate", "tune", "evaluate", "embed", "search", "data"]


def interpreter(*command, cwd=None):
    """A new interpreter, as a person starts it."""
    return subprocess.run([sys.executable, *command], cwd=cwd, capture_output=True, text=True)


def check(done, code):
    assert done.returncode == code, done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    assert "Warning" not in done.stderr
    return done


LIGHT = [
    *([*command, "--help"] for command in ([], *([name] for name in COMMANDS))),
    ["train", "graph=knnn"],
    ["train", "--show"],
    ["evaluate", "runs", "graph=knnn"],
    ["evaluate", "--embeddings", "nowhere.npy"],
    ["embed", "runs", "--out", "embeddings.csv"],
]
COMMANDS_IN_TURN = """
import contextlib, io, json, sys
from gnn_dml.cli.main import main
for arguments in json.loads(sys.argv[1]):
    said = io.StringIO()
    with contextlib.redirect_stdout(said):
        try:
            code = main(arguments)
        except SystemExit as stopped:
            code = stopped.code
    heavy = [name for name in ("torch", "pandas", "matplotlib", "torchvision", "scipy") if name in sys.modules]
    print(json.dumps([said.getvalue(), heavy, code]))
"""


def test_help_has_examples_and_neither_it_nor_argument_errors_load_torch():
    """One interpreter for all: what a command loads stays loaded, so that nothing at the end is nothing all along."""
    done = interpreter("-c", COMMANDS_IN_TURN, json.dumps(LIGHT))
    found = [json.loads(line) for line in done.stdout.splitlines()]
    assert [heavy for _, heavy, _ in found] == [[]] * len(LIGHT), done.stderr
    for arguments, (text, _, code) in zip(LIGHT, found, strict=True):
        assert code == (0 if {"--help", "--show"} & {*arguments} else 2), arguments
        if "--help" in arguments:
            assert len([line for line in text.splitlines() if line.startswith("  gnn-dml ")]) >= 2, arguments


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["train", "graph=knnn"], "gnn-dml train: graph=knnn is unknown"),
        (["ablate", "nothing"], "gnn-dml ablate: there is no study 'nothing'"),
        (["evaluate", "nowhere"], "gnn-dml evaluate: there is no run or checkpoint nowhere"),
        (["data", "prepare"], "gnn-dml data: which data set?"),
        (["data", "verify", "emoji", "--file", "nowhere.zip"], "gnn-dml data: there is no file nowhere.zip"),
        (["data", "prepare", "emoji"], "gnn-dml data: say where the file goes"),
        (["demo", "graph=knn,complete"], "gnn-dml demo: cell 'raw pixels'"),
    ],
)
def test_mistakes_end_in_one_sentence_and_exit_code_2(processes, arguments, message, tmp_path):
    done = check(processes.run("-m", "gnn_dml.cli.main", *arguments, cwd=tmp_path), 2)
    assert message in done.stderr
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (["device=cuda:99"], "device=cuda:99"),
        (["backbone.name=resnet5", "backbone.pool=max"], "unknown backbone 'resnet5'"),
    ],
)
def test_mistakes_that_only_torch_can_see(program, settings, message, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert message in program("train", *settings, code=2)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["demo", "--seeds", "a"], "--seeds: must be whole numbers with commas between, like 0,1,2; not 'a'"),
        (["ablate", "demo", "--seed", "1", "--fast", "graph=knn"], "unrecognized arguments: --fast graph=knn"),
        (["evaluate", "runs", "--split", "all", "graph=knn"], "--split: invalid choice: 'all'"),
        (["embed", "runs"], "the following arguments are required: --out"),
    ],
)
def test_wrong_options_are_named(processes, arguments, message):
    assert message in check(processes.run("-m", "gnn_dml.cli.main", *arguments), 2).stderr


def test_an_unknown_command_is_refused_with_the_known_ones(processes):
    assert "demo" in check(processes.run("-m", "gnn_dml.cli.main", "trian"), 2).stderr


def test_train_then_again_then_evaluate(program, tiny_settings, tmp_path, monkeypatch):
    """Trained by an interpreter of its own, from its first import to its end, and gone on with in this process."""
    monkeypatch.chdir(tmp_path)
    settings = [*tiny_settings, "graph=knn", "graph.k=3", "layer=gat", "seed=3"]
    first = check(interpreter("-m", "gnn_dml.cli.main", "train", *settings, cwd=tmp_path), 0)
    assert "Written" in first.stdout
    assert re.findall(r"^knn seed 3, epoch (\d+): loss \d", first.stdout, re.MULTILINE) == ["1", "2"]
    (folder,) = (tmp_path / "runs" / "single").glob("*-s3-*")
    row = json.loads((folder / "result.json").read_text())
    assert (row["graph"], row["layer"], row["seed"]) == ("knn", "gat", 3)
    assert not (folder / "neighbours.png").exists()
    frame = pd.read_csv(tmp_path / "runs" / "single" / "results.csv")
    assert frame["run_id"].tolist() == [folder.name]

    assert frame["overrides"].str.contains("graph.k=3 layer=gat").all()

    before = (folder / "best.pt").stat().st_mtime_ns
    # As if the program had been stopped before it was drawn.
    assert "nothing was trained" in program("train", *settings, "pictures=true")
    assert (folder / "best.pt").stat().st_mtime_ns == before
    assert (folder / "neighbours.png").stat().st_size > 1000

    measured = json.loads(program("evaluate", folder, "--json", "--device", "cpu"))
    for name in ("backbone_recall@1", "refined_recall@1", "backbone_map@r", "refined_nmi"):
        assert measured[name] == pytest.approx(row[name]), name
    shown = program("evaluate", folder / "last.pt", "--split", "val")
    assert "recall@1" in shown
    assert "val classes" in shown


def test_ablate_writes_one_csv_a_table_and_pictures_and_reuses_what_is_done(program, tiny_settings, tmp_path):
    study = tmp_path / "small.yaml"
    study.write_text("seeds: [0]\ncells:\n  none: [graph=none]\n  same: [graph=same_class]\n")
    tiny_settings = [*tiny_settings, "protocol.epochs=1"]
    done = program("ablate", study, *tiny_settings)
    assert "2 runs" in done
    assert "reused" not in done
    folder = tmp_path / "runs" / "small"
    frame = pd.read_csv(folder / "results.csv")
    assert sorted(zip(frame["cell"], frame["seed"], strict=True)) == [("none", 0), ("same", 0)]
    assert frame["backbone_recall@1"].between(0, 1).all()
    assert frame.loc[frame["cell"] == "none", "refined_recall@1"].isna().all()
    assert (folder / "recall.png").stat().st_size > 1000
    for cell in ("none", "same"):
        assert f"\n{cell}" in done
    # A row that ignores an override is reused and shown with the rest.
    override = "optimizer.refiner_rate=1.0"
    again = program("ablate", study, tiny_settings[0], "--seeds", "0,1", *tiny_settings[1:], override)
    assert "\n[1/4] none, seed 0: " in f"\n{again}"
    assert again.count("reused") == 1
    assert again.count("seconds\n") == 1  # one table, not one per setting
    assert pd.read_csv(folder / "results.csv")["seed"].value_counts().to_dict() == {0: 3, 1: 2}


def test_a_broken_result_is_named_and_kept(program, tiny_settings, tmp_path):
    settings = [*tiny_settings, "graph=none", "protocol.epochs=0"]
    program("train", *settings)
    (path,) = (tmp_path / "runs" / "single").glob("*/result.json")
    path.write_text("{")
    assert str(path) in program("train", *settings, code=2)
    assert path.read_text() == "{"


def test_a_folder_that_cannot_be_written_is_named(program, tiny_settings, tmp_path):
    if os.geteuid() == 0:
        target = "/proc/gnn-dml"  # not even root can write here
    else:
        (tmp_path / "locked").mkdir(mode=0o500)
        target = str(tmp_path / "locked")
    assert "out=" in program("train", *tiny_settings, f"out={target}", code=2)
