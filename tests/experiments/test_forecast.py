"""What would be run, before it is."""

import json

import pytest

from gnn_dml.errors import UserError
from gnn_dml.experiments.forecast import forecast_study
from gnn_dml.experiments.reuse import run_folder
from gnn_dml.experiments.study import Study, plan

STUDY = Study("s", (0, 1), (), {"none": ("graph=none",), "complete": ("graph=complete",), "knn": ("graph=knn",)})


def test_what_is_done_is_counted_and_tells_the_time(tmp_path):
    settings = [f"out={tmp_path}"]
    for config in plan(STUDY, [0], settings)[:2]:
        folder = run_folder(config)
        folder.mkdir(parents=True)
        row = {"run_id": folder.name, "status": "finished", "seed": 0, "backbone_recall@1": 0.5}
        seconds = {"none": 10.0, "complete": 30.0}[config["cell"]]
        (folder / "result.json").write_text(json.dumps({**row, "seconds": seconds}))
    failed = run_folder(plan(STUDY, [1], settings)[0])
    failed.mkdir()
    (failed / "failed.json").write_text(json.dumps({"status": "failed", "error": "why", "seed": 1}))
    found = forecast_study(STUDY, settings=settings)
    assert (found.runs, found.done, found.failed, found.to_run) == (6, 3, 1, 3)
    assert found.seconds == pytest.approx(20 + 30 + 20)  # kNN twice by the mean of all, "complete" once by its own
    again = forecast_study(STUDY, settings=settings, only=["none"], retry_failed=True)
    assert (again.cells, again.seeds, again.runs, again.to_run) == (("none",), (0, 1), 2, 1)
    assert again.seconds == pytest.approx(10)


def test_a_wrong_cell_and_an_unknown_one_are_named(tmp_path):
    bad = Study("s", (0,), (), {"bad": ("graph=knn", "graph.k=99")})
    with pytest.raises(UserError, match=r"cell 'bad' of the study s: graph\.k=99 is too large"):
        forecast_study(bad, settings=[f"out={tmp_path}"])
    with pytest.raises(UserError, match=r"has no cell 'compete'.*Did you mean complete\?"):
        forecast_study(STUDY, settings=[f"out={tmp_path}"], only=["compete"])


def test_a_folder_of_another_version_is_refused(tmp_path):
    (tmp_path / "s").mkdir()
    (tmp_path / "s" / "study.json").write_text('{"format": 99}')
    with pytest.raises(UserError, match="of a study of another version"):
        forecast_study(STUDY, settings=[f"out={tmp_path}"])
