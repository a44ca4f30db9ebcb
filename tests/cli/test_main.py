"""The program as a person runs it: real processes, exit codes, what is printed and written."""

import json
import os
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


def gnn_dml(*arguments, cwd=None, code=0):
    """The program from its first import to its end."""
    return check(interpreter("-m", "gnn_dml.cli.main", *map(str, arguments), cwd=cwd), code)


@pytest.mark.parametrize("command", ["--help", "train --help"])
def test_help_has_examples_that_start_with_the_program(command):
    text = gnn_dml(*command.split()).stdout
    examples = [line for line in text.splitlines() if line.startswith("  gnn-dml ")]
    assert len(examples) >= 2


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
    with contextlib.redirect_stdout(said), contextlib.suppress(SystemExit):
        main(arguments)
    heavy = [name for name in ("torch", "pandas", "matplotlib", "torchvision", "scipy") if name in sys.modules]
    print(json.dumps([said.getvalue(), heavy]))
"""


def test_help_and_argument_errors_load_no_torch():
    """One interpreter for all: what a command loads stays loaded, so that nothing at the end is nothing all along."""
    done = interpreter("-c", COMMANDS_IN_TURN, json.dumps(LIGHT))
    found = [json.loads(line) for line in done.stdout.splitlines()]
    assert [heavy for _, heavy in found] == [[]] * len(LIGHT), done.stderr
    for arguments, (text, _) in zip(LIGHT, found, strict=True):
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
def test_wrong_options_are_named(arguments, message):
    assert message in gnn_dml(*arguments, code=2).stderr


def test_an_unknown_command_is_refused_with_the_known_ones():
    assert "demo" in gnn_dml("trian", code=2).stderr


def test_train_then_again_then_evaluate(program, processes, tiny_settings, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    settings = [*tiny_settings, "graph=knn", "graph.k=3", "layer=gat", "seed=3", "pictures=true"]
    first = gnn_dml("train", *settings, cwd=tmp_path)
    assert "Written" in first.stdout
    (folder,) = (tmp_path / "runs" / "single").glob("*-s3-*")
    row = json.loads((folder / "result.json").read_text())
    assert (row["graph"], row["layer"], row["seed"]) == ("knn", "gat", 3)
    assert (folder / "neighbours.png").stat().st_size > 1000
    frame = pd.read_csv(tmp_path / "runs" / "single" / "results.csv")
    assert frame["run_id"].tolist() == [folder.name]

    assert frame["overrides"].str.contains("graph.k=3 layer=gat").all()

    before = (folder / "best.pt").stat().st_mtime_ns
    (folder / "neighbours.png").unlink()  # as if the program had been stopped before it was drawn
    assert "nothing was trained" in program("train", *settings)
    assert (folder / "best.pt").stat().st_mtime_ns == before
    assert (folder / "neighbours.png").is_file()

    other = processes.run("-m", "gnn_dml.cli.main", "evaluate", folder, "--json", "--device", "cpu", cwd=tmp_path)
    measured = json.loads(check(other, 0).stdout)
    for name in ("backbone_recall@1", "refined_recall@1", "backbone_map@r", "refined_nmi"):
        assert measured[name] == pytest.approx(row[name]), name
    shown = program("evaluate", folder / "last.pt", "--split", "val")
    assert "recall@1" in shown
    assert "val classes" in shown


def test_ablate_writes_one_csv_a_table_and_pictures_and_reuses_what_is_done(program, tiny_settings, tmp_path):
    study = tmp_path / "small.yaml"
    study.write_text("seeds: [0]\ncells:\n  none: [graph=none]\n  complete: []\n  same: [graph=same_class]\n")
    tiny_settings = [*tiny_settings, "protocol.epochs=1"]
    done = program("ablate", study, *tiny_settings)
    assert "3 runs" in done
    assert "reused" not in done
    folder = tmp_path / "runs" / "small"
    frame = pd.read_csv(folder / "results.csv")
    assert sorted(zip(frame["cell"], frame["seed"], strict=True)) == sorted(
        (cell, 0) for cell in ("none", "complete", "same")
    )
    assert frame["backbone_recall@1"].between(0, 1).all()
    assert frame.loc[frame["cell"] == "none", "refined_recall@1"].isna().all()
    assert (folder / "recall.png").stat().st_size > 1000
    for cell in ("none", "complete", "same"):
        assert f"\n{cell}" in done
    again = program("ablate", study, tiny_settings[0], "--seeds", "0,1", *tiny_settings[1:])
    assert again.count("reused") == 3
    assert pd.read_csv(folder / "results.csv")["seed"].value_counts().to_dict() == {0: 3, 1: 3}


def test_rows_that_ignore_an_override_are_reused_and_shown_with_the_rest(program, tiny_settings, tmp_path):
    study = tmp_path / "small.yaml"
    study.write_text("cells:\n  none: [graph=none]\n  complete: []\n")
    tiny_settings = [*tiny_settings, "protocol.epochs=1"]
    program("ablate", study, *tiny_settings)
    again = program("ablate", study, *tiny_settings, "optimizer.refiner_rate=1.0")
    assert again.count("reused") == 1
    assert again.count("seconds\n") == 1  # one table, not one per setting
    frame = pd.read_csv(tmp_path / "runs" / "small" / "results.csv")
    assert len(frame) == 3


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


def test_data_verify_and_list(program):
    assert "whole" in program("data", "verify", "emoji")
    assert "emoji" in program("data", "list")
