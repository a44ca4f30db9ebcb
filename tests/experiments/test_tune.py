"""A search for the settings of a study's cells."""

import json

import pandas as pd
import pytest
import yaml

from gnn_dml.errors import UserError
from gnn_dml.experiments.api import run_study
from gnn_dml.experiments.study import Study
from gnn_dml.experiments.tune import tune, tuned_study

STUDY = Study("s", (0,), (), {"none": ("graph=none",), "kNN": ("graph=knn", "graph.k=3")})


@pytest.fixture
def space(tmp_path):
    path = tmp_path / "rates.yaml"
    path.write_text(
        "by: [refined_map@r, refined_recall@1]\noverrides: [protocol.epochs=1]\n"
        "settings:\n  optimizer.lr: {low: 0.001, high: 0.1, log: true}\n"
    )
    return str(path)


def test_every_cell_gets_the_same_trials_on_validation_classes_and_none_twice(tiny_settings, tmp_path, space):
    settings = [one for one in tiny_settings if not one.startswith("protocol.epochs")]
    trained = []
    frame = tune(
        STUDY, trials=1, space=space, seeds=(0, 1), settings=settings, on_run=lambda *known: trained.append(known)
    )
    assert frame.groupby("cell")["trial"].apply(list).to_dict() == {"kNN": [0], "none": [0]}
    assert len(trained) == 4
    folder = tmp_path / "runs" / "s"
    rows = [json.loads(path.read_text()) for path in (folder / "tune").glob("*/result.json")]
    assert len(rows) == 4
    assert all(row["backbone_recall@1"] is None and row["split"] == "" for row in rows)  # no test image was looked at
    for cell, one in frame.groupby("cell"):
        assert one["best"].tolist() == (one["value"] == one["value"].max()).tolist()
        for record in one.to_dict("records"):
            runs = [
                row
                for row in rows
                if row["settings"]["optimizer.lr"] == float(record["optimizer.lr"])
                and (row["graph"] == "none") == (cell == "none")
            ]
            branch = "backbone" if cell == "none" else "refined"
            values = [(row[f"val_{branch}_map@r"] + row[f"val_{branch}_recall@1"]) / 2 for row in runs]
            assert len(values) == 2
            assert record["value"] == pytest.approx(sum(values) / 2)
    again = tune(
        STUDY, trials=2, space=space, seeds=(0, 1), settings=settings, on_run=lambda *known: trained.append(known)
    )
    assert len(trained) == 8
    assert again[again["trial"] < 1].reset_index(drop=True).drop(columns="best").equals(frame.drop(columns="best"))
    assert pd.read_csv(folder / "tune" / "trials.csv")["value"].tolist() == pytest.approx(again["value"].tolist())
    found = tuned_study(STUDY, settings=settings)
    assert (found.name, found.tuned) == ("s-tuned", "(tuned: 2 trials, rates)")
    for cell, one in again[again["best"]].groupby("cell"):
        assert found.cells[cell] == (*STUDY.cells[cell], f"optimizer.lr={one['optimizer.lr'].iloc[0]}")
    configs = [yaml.safe_load(path.read_text()) for path in (folder / "tune").glob("*/config.yaml")]
    assert {config["protocol"]["test_on"] for config in configs} == {"none"}


@pytest.mark.parametrize(
    ("settings", "cells", "said"),
    [
        (["protocol.select_on=test"], STUDY.cells, "select_on=test, and a search needs validation classes"),
        (["optimizer.lr=0.1"], STUDY.cells, "optimizer.lr is searched by the space rates"),
        ([], {"slow": ("optimizer.lr=0.1",)}, r"optimizer.lr=0.1 \(of the cell slow\)"),
        ([], {"bad": ("graph=nothing",)}, "cell 'bad'"),
    ],
)
def test_what_cannot_be_searched_fairly_is_refused_before_anything_is_written(tmp_path, space, settings, cells, said):
    study = Study("s", (0,), (), cells)
    with pytest.raises(UserError, match=said):
        tune(study, space=space, settings=[*settings, f"out={tmp_path / 'runs'}"])
    assert not (tmp_path / "runs").exists()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (None, "search first, gnn-dml tune s"),
        ("[", "search again"),
        ("[1]", "search again"),
        ("{}", "no choice for the cells none"),
    ],
)
def test_choices_that_are_missing_or_damaged_are_said(tmp_path, text, said):
    if text is not None:
        (tmp_path / "s").mkdir()
        (tmp_path / "s" / "tuned.json").write_text(text)
    with pytest.raises(UserError, match=said):
        tuned_study(STUDY, settings=[f"out={tmp_path}"])


def test_a_tuned_study_says_so_in_its_rows_and_stands_beside_the_other(tiny_settings, tmp_path, space):
    settings = [*tiny_settings, "protocol.epochs=1"]
    tune(STUDY, trials=1, space=space, settings=settings)
    frame = run_study(tuned_study(STUDY, settings=settings), settings=settings)
    assert frame["overrides"].str.startswith("(tuned: 1 trial, rates) ").all()
    assert frame["study"].eq("s-tuned").all()
    chosen = json.loads((tmp_path / "runs" / "s" / "tuned.json").read_text())
    rates = {float(said["settings"][0].split("=")[1]) for said in chosen.values()}
    assert set(frame["lr"]) == rates
