"""Every study of the package can be run: all of its cells are checked and built, and one of them is trained."""

import shutil
from dataclasses import replace

import pytest

from gnn_dml.config.names import studies
from gnn_dml.experiments import run_study
from gnn_dml.experiments.forecast import forecast_study
from gnn_dml.experiments.reuse import find_run
from gnn_dml.experiments.study import plan, read_study

LIGHT = {"paper_backbones": "complete, resnet18"}
"""The cell that is trained where the reference is a large network."""


@pytest.mark.parametrize("name", studies())
def test_all_cells_are_checked_and_built_and_nothing_is_written(name, tmp_path):
    found = forecast_study(name, seeds=[0], settings=[f"out={tmp_path / 'runs'}", "device=cpu"])
    assert found.runs == found.to_run == len(found.study.cells)
    assert found.seconds is None
    assert not (tmp_path / "runs").exists()


@pytest.fixture(scope="module")
def trained():
    """Folders of runs by their name, which tells what they compute: on small data most studies have one reference."""
    return {}


@pytest.mark.parametrize("name", studies())
def test_one_cell_is_trained(name, trained, tiny_settings):
    study = read_study(name)
    cell = LIGHT.get(name, study.reference)
    other = any(setting.startswith("backbone=") for setting in (*study.overrides, *study.cells[cell]))
    settings = [one for one in tiny_settings if not (other and one.startswith("backbone."))]
    settings += ["protocol.epochs=1", "dataset.transform.size=32", "protocol.neighbours=4"]
    settings += ["backbone.weights=null"] if name == "paper_backbones" else []
    settings += ["backbone.map_size=2"] if not other else []
    alone = replace(study, cells={cell: study.cells[cell]}, reference=cell, factors={})
    (config,) = plan(alone, [0], settings)
    folder = find_run(config)
    if folder.name in trained:
        shutil.copytree(trained[folder.name], folder)
    reused = []
    frame = run_study(alone, seeds=[0], settings=settings, on_row=lambda *row: reused.append(row[-1]))
    assert frame[["cell", "status", "epochs"]].to_dict("records") == [{"cell": cell, "status": "finished", "epochs": 1}]
    assert reused == [folder.name in trained]
    trained[folder.name] = folder
