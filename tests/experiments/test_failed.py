"""One bad cell: its error is in its row, the others go on, and it is tried again when asked for."""

import json

import pandas as pd
import pytest

from gnn_dml.config.compose import resolve
from gnn_dml.errors import UserError
from gnn_dml.experiments import run_study
from gnn_dml.experiments.failed import UnwritableError, describe_error, failed_row, write_failed
from gnn_dml.experiments.files import write_text
from gnn_dml.experiments.study import Study

QUICK = ("protocol.epochs=0", "protocol.select_on=none")


@pytest.fixture
def study(tmp_path):
    """Two cells, one of whose data are an empty folder."""
    (tmp_path / "photos").mkdir()
    photos = ("dataset=folder", f"dataset.root={tmp_path / 'photos'}", "backbone=small_cnn")
    return Study("s", (0,), QUICK, {"bad": (*photos, "dataset.transform.size=64"), "good": ()})


def run(study, settings, **how):
    """The tiny settings, the place of the data as one of the good cell."""
    root = next(one for one in settings if one.startswith("dataset.root"))
    rest = [one for one in settings if not one.startswith(("dataset.root", "protocol.epochs"))]
    cells = {**study.cells, "good": (root,)}
    return run_study(Study("s", (0,), study.overrides, cells), settings=rest, **how)


def test_the_others_go_on_and_the_row_says_why(study, tiny_settings, tmp_path):
    errors, ended = [], []
    frame = run(
        study,
        tiny_settings,
        on_failed=lambda config, error: errors.append((config["cell"], str(error))),
        on_row=lambda row, number, total, reused: ended.append((row["cell"], row["status"], reused)),
    )
    assert ended == [("bad", "failed", False), ("good", "finished", False)]
    assert [cell for cell, _ in errors] == ["bad"]
    assert list(zip(frame["cell"], frame["status"], strict=True)) == [("bad", "failed"), ("good", "finished")]
    assert frame["error"].tolist() == [errors[0][1], ""]
    assert "0 classes with images" in errors[0][1]
    written = pd.read_csv(tmp_path / "runs" / "s" / "results.csv")
    assert written["backbone_recall@1"].isna().tolist() == [True, False]
    (traceback,) = (tmp_path / "runs" / "s").glob("*/failed.txt")
    assert traceback.read_text().startswith("Traceback")


def test_it_is_tried_again_only_when_asked_for(study, tiny_settings, tmp_path):
    run(study, tiny_settings)
    tried = []
    again = {"on_run": lambda config, number, total: tried.append(config["cell"])}
    assert list(run(study, tiny_settings, **again)["status"]) == ["failed", "finished"]
    assert tried == []
    run(study, tiny_settings, **again, retry_failed=True)
    assert tried == ["bad"]
    (row,) = (tmp_path / "runs" / "s").glob("*/failed.json")
    assert failed_row(row.parent)["error"].endswith("(embed and search take images of one class, or of none)")


def test_a_study_of_nothing_else_ends_in_its_row(study, tiny_settings):
    frame = run(study, tiny_settings, only=["bad"])
    assert list(frame["status"]) == ["failed"]


def test_what_finished_after_all_has_not_failed(tmp_path):
    write_failed(tmp_path, resolve([]), "why")
    assert failed_row(tmp_path)["error"] == "why"
    (tmp_path / "result.json").write_text("{}")
    assert failed_row(tmp_path) is None


@pytest.mark.parametrize("text", ["", "[]", '{"status": "failed"}', '{"status": "finished", "error": "", "seed": 0}'])
def test_a_broken_file_is_named(tmp_path, text):
    (tmp_path / "failed.json").write_text(text)
    with pytest.raises(UserError, match=r"failed\.json cannot be used .* delete that file"):
        failed_row(tmp_path)


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (UserError("k is too\nlarge"), "k is too large"),
        (RuntimeError("out of memory"), "RuntimeError: out of memory"),
        (MemoryError(), "MemoryError"),
        ("killed", "killed"),
        (ValueError("x" * 9999), f"ValueError: {'x' * 485}..."),
    ],
)
def test_an_error_is_one_line(error, said):
    assert describe_error(error) == said


def test_a_disk_that_takes_nothing_is_no_fault_of_a_cell(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(UnwritableError, match="cannot write"):
        write_text(tmp_path / "file" / "x", "")


def test_a_row_of_another_cell_is_marked_like_any(study, tiny_settings, tmp_path):
    run(study, tiny_settings)
    rest = [one for one in tiny_settings if not one.startswith("protocol.epochs")]
    frame = run_study(Study("s", (0,), QUICK, {"other": ("graph=none",)}), settings=rest)
    assert list(frame["cell"]) == ["other"]
    written = pd.read_csv(tmp_path / "runs" / "s" / "results.csv")
    assert list(written["cell"]) == ["other"]
    marked = [json.loads(path.read_text())["cell"] for path in (tmp_path / "runs" / "s").glob("*/cell.json")]
    assert sorted(marked) == ["bad", "good", "other"]
