"""What `ablate` and `status` are told and print."""

import pytest

from gnn_dml.cli.ablate import read_launch
from gnn_dml.cli.main import main
from gnn_dml.cli.overview import Overview, overview, page
from gnn_dml.errors import UserError
from gnn_dml.experiments.status import RunStatus, StudyStatus

STUDY = "question: Which one?\nseeds: [0, 1]\ncells: {none: [graph=none], complete: [graph=complete]}\n"


@pytest.fixture
def study(tmp_path):
    path = tmp_path / "mine.yaml"
    path.write_text(STUDY)
    return str(path)


def status(*states):
    runs = [
        RunStatus(
            f"r{n}",
            f"c{n % 2}",
            n // 2,
            state,
            10,
            epoch=4,
            seconds=60.0,
            figure=0.1 * n if state == "finished" else None,
            error="why",
            by="me",
        )
        for n, state in enumerate(states)
    ]
    return StudyStatus("mine", "Which one?", "refined_map@r", tuple(runs))


def test_a_dry_run_says_what_there_is_to_do_and_writes_nothing(study, tmp_path, capsys):
    assert main(["ablate", study, "--dry-run", f"out={tmp_path / 'runs'}"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "Which one?"
    assert lines[1] == f"mine: 2 cells x 2 seeds = 4 runs in {tmp_path / 'runs' / 'mine'}; 0 done, 4 to run"
    assert "  none: graph=none" in lines
    assert lines[-2].startswith("time: not known before the first run is done")
    assert not (tmp_path / "runs").exists()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["ablate", "STUDY", "--only", "compete"], "has no cell 'compete'. It has none, complete. Did you mean"),
        (["ablate", "STUDY", "--launch", "num_gpus"], "--launch num_gpus must be KEY=VALUE"),
        (["ablate", "STUDY", "--launch", "num_gpus=1"], "num_gpus=1 is for a launcher, and none is named"),
        (["status", "STUDY"], "no study was started in"),
        (["status", "STUDY", "graph=knn"], "graph=knn: status takes out=FOLDER alone"),
    ],
)
def test_what_is_wrong_is_a_sentence_and_exit_code_2(arguments, said, study, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert main([study if word == "STUDY" else word for word in arguments]) == 2
    error = capsys.readouterr().err
    assert said in error
    assert len(error.splitlines()) == 1


def test_a_folder_of_another_version_is_a_sentence_and_exit_code_2(study, tmp_path, capsys):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "study.json").write_text('{"format": 7}')
    for command in ("ablate", "status"):
        assert main([command, study, f"out={tmp_path}"]) == 2
        assert "is the folder of a study of another version" in capsys.readouterr().err


def test_a_failed_run_is_told_at_the_end(study, tmp_path, tiny_settings, capsys):
    (tmp_path / "photos").mkdir()
    photos = f"[dataset=folder, dataset.root={tmp_path / 'photos'}, backbone=small_cnn, dataset.transform.size=64]"
    root = next(one for one in tiny_settings if one.startswith("dataset.root"))
    rest = [one for one in tiny_settings if not one.startswith("dataset.root")]
    (tmp_path / "mine.yaml").write_text(f"cells: {{bad: {photos}, complete: [{root}]}}\n")
    assert main(["ablate", study, *rest, "protocol.epochs=0"]) == 2
    printed = capsys.readouterr()
    assert "[1/2] bad, seed 0: failed: dataset.root=" in printed.out
    assert "[2/2] complete, seed 0: Recall@1" in printed.out
    assert printed.err.splitlines()[-1] == "the same command with --retry-failed tries them again"
    assert main(["status", str(tmp_path / "runs" / "mine")]) == 0
    said = capsys.readouterr().out
    assert "2 of 2 runs done (1 failed); 0 left; best so far complete" in said
    assert "failed    bad seed 0: dataset.root=" in said


def test_what_a_launcher_is_told():
    typed = ["gpus_per_node=1", "slurm_partition=gpu", 'resources={"big": 1}', "num_gpus=0.5", "x=a=b"]
    assert read_launch(typed) == {
        "gpus_per_node": 1,
        "slurm_partition": "gpu",
        "resources": {"big": 1},
        "num_gpus": 0.5,
        "x": "a=b",
    }
    with pytest.raises(UserError, match="must be KEY=VALUE"):
        read_launch(["a b=c"])


def test_a_study_on_one_line():
    found = overview(status("finished", "running", "failed", "left", "diverged", "finished"))
    assert found == (
        "4 of 6 runs done (1 failed, 1 diverged); 1 running (c1 seed 0 epoch 4/10); 1 left, about 1.6 min; "
        "best so far c1 50.0 (refined_map@r, 1 seed)"
    )
    assert overview(status("left")) == "0 of 1 runs done; 1 left"


def test_a_study_on_a_page():
    lines = page(status("finished", "running", "failed")).splitlines()
    assert lines[0] == "mine: Which one?"
    assert lines[3:] == [
        "running   c1 seed 0 epoch 4/10, me",
        "failed    c0 seed 1: why",
        "c0  1 of 2  0.0",
        "c1  0 of 1",
    ]


def test_lines_come_now_and_then(capsys):
    often, seldom = Overview(every=0.0), Overview(every=3600.0)
    for shown in (often, seldom):
        shown.show(status("left"))
        shown.show(status("running"))
        shown.close()
    assert capsys.readouterr().out.splitlines() == [overview(status("left")), overview(status("running"))]
