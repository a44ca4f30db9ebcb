"""Runs of cells that an edited study has no more."""

import json

import pytest

from gnn_dml.config.identity import run_id
from gnn_dml.experiments.cell_files import mark_former, write_cell
from gnn_dml.experiments.study import Study, overrides_label, plan
from gnn_dml.results import collect

SEEDS = (0, 1)


def study(**cells):
    return Study("s", SEEDS, ("protocol.epochs=3",), {name: tuple(settings) for name, settings in cells.items()})


def finish(out, found, seeds=SEEDS, typed=()):
    """As if every run had been done; the names of the runs that are former afterwards."""
    label = overrides_label(typed)
    configs = plan(found, seeds, [*typed, f"out={out}"])
    for config in configs:
        folder = out / "s" / run_id(config)
        folder.mkdir(parents=True, exist_ok=True)
        row = {"run_id": folder.name, "seed": config["seed"], "status": "finished"}
        (folder / "result.json").write_text(json.dumps(row))
        write_cell(folder, config, label, typed=[*found.overrides, *found.cells[config["cell"]]])
    return mark_former(out / "s", found, configs, label)


def cells(out):
    return sorted((row["cell"], row["seed"]) for row in collect(out / "s").to_dict("records"))


FIRST = {"kNN": ["graph=knn"], "random": ["graph=random", "graph.seed=${seed}"]}


def test_a_study_as_it_was_has_no_former_cells_whatever_the_seeds(tmp_path):
    assert finish(tmp_path, study(**FIRST)) == []
    assert finish(tmp_path, study(**FIRST), seeds=[7]) == []
    assert len(cells(tmp_path)) == 6


@pytest.mark.parametrize(
    ("edited", "left"),
    [
        ({"kNN": ["graph=knn", "graph.k=4"], "random": FIRST["random"]}, "kNN"),
        ({"random": FIRST["random"]}, "kNN"),
        ({"renamed": ["graph=knn", "graph.k=2"], "random": FIRST["random"]}, "kNN"),
    ],
)
def test_an_edited_cell_leaves_no_old_rows_and_comes_back(tmp_path, edited, left):
    finish(tmp_path, study(**FIRST))
    former = finish(tmp_path, study(**edited), seeds=[5])  # also those of other seeds
    assert len(former) == 2
    assert all((tmp_path / "s" / name / "result.json").is_file() for name in former)
    assert cells(tmp_path) == sorted([(name, 5) for name in edited] + [("random", 0), ("random", 1)])
    finish(tmp_path, study(**FIRST))
    assert (left, 0) in cells(tmp_path)


def test_sections_of_other_overrides_follow_the_cells_too(tmp_path):
    finish(tmp_path, study(**FIRST), typed=["optimizer.lr=0.5"])
    assert finish(tmp_path, study(**FIRST)) == []
    assert len(cells(tmp_path)) == 8
    assert len(finish(tmp_path, study(kNN=["graph=knn", "graph.k=2"]))) == 8


def test_runs_that_were_trained_alone_and_files_that_cannot_be_read_stay(tmp_path):
    found = study(**FIRST)
    (config, *_) = plan(found, [3], [f"out={tmp_path}"])
    folder = tmp_path / "s" / run_id(config)
    folder.mkdir(parents=True)
    (folder / "result.json").write_text(json.dumps({"run_id": folder.name, "seed": 3, "status": "finished"}))
    write_cell(folder, {**config, "cell": "mine"}, "")
    (tmp_path / "s" / "odd").mkdir()
    (tmp_path / "s" / "odd" / "cell.json").write_text("[")
    assert finish(tmp_path, found) == []
    assert ("mine", 3) in cells(tmp_path)


def test_files_of_the_last_version_count_until_a_run_has_its_own(tmp_path):
    finish(tmp_path, study(**FIRST))
    old = tmp_path / "s" / "cells"
    old.mkdir()
    for path in (tmp_path / "s").glob("*/cell.json"):
        path.rename(old / f"{path.parent.name}.json")
    assert len(cells(tmp_path)) == 4
    former = finish(tmp_path, study(random=FIRST["random"]))
    assert len(former) == 2
    assert {cell for cell, _ in cells(tmp_path)} == {"random"}


def test_nothing_half_written_stands_in_the_folder_of_a_run(tmp_path, monkeypatch):
    seen = []
    monkeypatch.setattr("os.replace", lambda source, target: seen.append((source, target)))
    finish(tmp_path, study(**FIRST))
    assert len(seen) == 4
    assert all(source.parent == tmp_path / "s" and target.parent.parent == tmp_path / "s" for source, target in seen)
