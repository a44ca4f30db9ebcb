"""Finished runs are found again: of this version by their name, of the last one by what they computed."""

import json
import os
import shutil
from pathlib import Path

import pandas as pd
import pytest
import yaml

from gnn_dml.config.compose import resolve
from gnn_dml.experiments import train
from gnn_dml.experiments.reuse import find_run, run_folder

OLD = Path(__file__).parents[1] / "config" / "old_runs"
SMALL = ["backbone.width=4", "backbone.dim=16", "protocol.epochs=1", "device=cpu", "study_name=old"]
SINCE = (OLD / "since.txt").read_text().split()
"""Settings under which today's defaults are those of the last version."""

COMPLETE = [*SMALL, *SINCE]
RUNS = {
    "small_cnn-complete-dot_product-s0-43e3bde4ce": COMPLETE,
    "small_cnn-knn-gat-s3-afcfcb0b4b": [*COMPLETE, "graph=knn", "graph.k=5", "layer=gat", "seed=3", "drop_edge=0.1"],
    "small_cnn-none-s0-e8b4952e34": [*SMALL, "graph=none", "loss.temperature=0.5", "protocol.ties=first"],
    "small_cnn-none-s0-5d69c6d730": [*SMALL, "graph=none", "protocol.epochs=0"],
    "pixels-none-s0-91c4d5a376": [
        *("study_name=old", "device=cpu", "backbone=pixels", "graph=none", "protocol.epochs=0"),
    ],
    "small_cnn-threshold-published-s0-adb703bec8": [
        *COMPLETE,
        *(
            "graph=threshold",
            "graph.loop=null",
            "refiner.weighted=true",
            "loss.terms.refined.weight=0.5",
            "optimizer=radam",
        ),
        *("layer=published", "layer.num_heads=2"),
    ],
}


@pytest.fixture
def out(tmp_path):
    shutil.copytree(OLD, tmp_path / "runs" / "old", ignore=shutil.ignore_patterns("names.json", "since.txt"))
    return f"out={tmp_path / 'runs'}"


def test_every_stored_run_is_asked_for_here():
    assert {path.name for path in OLD.iterdir() if path.is_dir()} == set(RUNS)


@pytest.mark.parametrize("name", list(RUNS))
def test_a_finished_run_of_the_last_version_is_reused(out, name):
    frame = train([*RUNS[name], out])
    assert frame.attrs["reused"]
    assert Path(frame.attrs["folder"]).name == name
    held = json.loads((OLD / name / "result.json").read_text())
    assert frame["backbone_recall@1"].tolist() == [held["backbone_recall@1"]]
    assert frame["run_id"].tolist() == [name]


def test_rows_of_both_versions_stand_in_one_table_with_what_differs(out, tmp_path):
    for settings in (RUNS["small_cnn-complete-dot_product-s0-43e3bde4ce"], RUNS["small_cnn-knn-gat-s3-afcfcb0b4b"]):
        train([*settings, out])
    frame = pd.read_csv(tmp_path / "runs" / "old" / "results.csv").set_index("run_id")
    assert frame.loc["small_cnn-knn-gat-s3-afcfcb0b4b", ["graph.k", "drop_edge"]].tolist() == [5, 0.1]


def test_other_settings_are_not_taken_for_an_old_run(out):
    config = resolve([*COMPLETE, out, "optimizer.lr=0.001"])
    assert find_run(config) == run_folder(config)


@pytest.mark.parametrize("damage", ["config.yaml gone", "config.yaml no YAML", "result.json no JSON"])
def test_a_damaged_old_run_is_no_run(out, tmp_path, damage):
    name = "small_cnn-complete-dot_product-s0-43e3bde4ce"
    file = tmp_path / "runs" / "old" / name / damage.split()[0]
    file.unlink() if damage.endswith("gone") else file.write_text("{[")
    config = resolve([*COMPLETE, out])
    assert find_run(config) == run_folder(config)


def test_an_old_folder_of_images_is_known_by_its_content(tmp_path):
    """The last version knew a folder by its path alone; its images tell whether it is the same."""
    name = "small_cnn-complete-dot_product-s0-43e3bde4ce"
    images = tmp_path / "images"
    for c in range(4):
        (images / f"class {c}").mkdir(parents=True)
        (images / f"class {c}" / "0.jpg").write_bytes(bytes(c + 1))
    settings = ["dataset=folder", f"dataset.root={images}", "backbone.weights=null", "study_name=old"]
    config = resolve([*settings, f"out={tmp_path / 'runs'}"])
    folder = tmp_path / "runs" / "old" / "an-old-name"
    folder.mkdir(parents=True)
    (folder / "result.json").write_text((OLD / name / "result.json").read_text())
    held = {**config, "dataset": {**config["dataset"], "sha256": None}}
    del held["dataset"]["content"]
    (folder / "config.yaml").write_text(yaml.safe_dump(held))
    assert find_run(config) == folder
    (images / "class 1" / "0.jpg").write_bytes(bytes(9))
    (folder / "result.json").touch()
    assert find_run(config) == run_folder(config)


def test_what_is_found_follows_what_is_written_and_removed_meanwhile(tmp_path):
    """The folder of a study is looked through once; what changes in it later is noticed all the same."""
    name = "small_cnn-complete-dot_product-s0-43e3bde4ce"
    study = tmp_path / "runs" / "old"
    config = resolve([*COMPLETE, f"out={tmp_path / 'runs'}"])
    assert find_run(config) == run_folder(config)
    (study / "results.csv").parent.mkdir(parents=True)
    (study / "results.csv").write_text("run_id\n")
    shutil.copytree(OLD / name, study / "b", ignore=shutil.ignore_patterns("result.json"))
    assert find_run(config) == run_folder(config)
    shutil.copy(OLD / name / "result.json", study / "b")
    assert find_run(config) == study / "b"
    shutil.copytree(OLD / name, study / "a")
    assert find_run(config) == study / "a"
    (study / "a" / "result.json").unlink()
    assert find_run(config) == study / "b"
    held = yaml.safe_load((study / "b" / "config.yaml").read_text())
    (study / "b" / "config.yaml").write_text(yaml.safe_dump({**held, "seed": 7}))
    os.utime(study / "b" / "result.json", ns=(1, 1))
    assert find_run(config) == run_folder(config)
    assert find_run(resolve([*COMPLETE, f"out={tmp_path / 'runs'}", "seed=7"])) == study / "b"
    shutil.rmtree(study)
    assert find_run(config) == run_folder(config)


def test_many_runs_are_read_once_for_all_that_are_looked_up(tmp_path, monkeypatch):
    """Each finished run was looked at again for every run that was asked for."""
    study = tmp_path / "runs" / "old"
    row = json.loads((OLD / "small_cnn-none-s0-e8b4952e34" / "result.json").read_text())
    for i in range(30):
        (study / f"run {i}").mkdir(parents=True)
        (study / f"run {i}" / "result.json").write_text(json.dumps(row | ({"settings": {}} if i % 2 else {})))
        (study / f"run {i}" / "config.yaml").write_text(f"seed: {i}\n")
    os.utime(study, ns=(1, 1))
    looked = []
    monkeypatch.setattr(Path, "stat", lambda path, **how: looked.append(path) or os.stat(path, **how))  # noqa: PTH116
    config = resolve([*COMPLETE, f"out={tmp_path / 'runs'}"])
    assert find_run(config) == run_folder(config)
    first = len([path for path in looked if path.name == "result.json"])
    looked.clear()
    for seed in range(8):
        find_run({**config, "seed": seed})
    again = len([path for path in looked if path.name == "result.json"])
    assert first == 30
    assert again == 8 * 15  # those of this version are known for good; the others could not be understood
