"""Words and paths are the text that was typed; everything else is read as before. Loads no torch."""

import copy
import os
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from omegaconf import OmegaConf

from gnn_dml.config.compose import resolve, value_of
from gnn_dml.config.composer import Composer, update
from gnn_dml.config.identity import run_id
from gnn_dml.config.names import CONF
from gnn_dml.config.test_time import overlay
from gnn_dml.config.typed import TEXTS, Setting, literal, parse
from gnn_dml.errors import UserError

NAMES = [
    "2024_11_25",
    "1.10",
    "1e3",
    "0x1F",
    "007",
    "true",
    "inf",
    "2025-01-31",
    "12:30",
    "Vögel",
    "图片",
    "photos (1)",
    "a=b",
    "cats, dogs",
    "it's",
    'say "hi"',
    "a#1",
    "R&D",
    "[a]",
    "{b}",
    "{a: 1}",
    "a: b",
    "a\\b",
    "100%",
    "$HOME",
    "*",
    "a;b|c",
    "caf\udce9",
    "choice(1,2)",
    "trailing ",
    "-x",
    "😀",
    "null",
]
COMPOSER = Composer()


def plain(*typed):
    return resolve([*typed, "device=cpu"], composer=COMPOSER)


@pytest.mark.parametrize("name", NAMES)
def test_a_word_and_a_path_stay_as_they_were_typed(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / name
    folder.mkdir()
    (folder / "data.zip").write_bytes(b"x")
    study = name.replace("\\", "")  # in which there is no separator, on any system
    found = plain(f"study_name={study}", f"out={name}", f"dataset.root={name}/data.zip")
    assert (found["study_name"], found["out"]) == (study, name)
    assert found["dataset"]["root"] == found["dataset"]["source"]["root"] == str(folder / "data.zip")
    weights = plain("backbone=resnet18", f"backbone.weights={folder}/data.zip")["backbone"]["weights"]
    assert weights == str(folder / "data.zip")
    assert overlay(found, [f"dataset.root={name}/data.zip"])["dataset"]["root"] == f"{name}/data.zip"


@given(st.text(alphabet=st.characters(exclude_characters="\0/\\$"), min_size=1).filter(lambda text: text.strip(". ")))
@settings(max_examples=40)
def test_any_text_comes_through_the_tree(name):
    quoted = name[0] == name[-1] and name[0] in "'\"" and len(name) > 1
    if quoted:
        return
    base = COMPOSER.tree([])
    tree = copy.deepcopy(base)
    update(tree, {"study_name": value_of(parse(f"study_name={name}"), base), "cell": literal(name)})
    assert (tree["study_name"], tree["cell"]) == (name, name)


@given(st.text(alphabet="\\${}ab"))
def test_a_literal_is_never_an_interpolation(text):
    tree = OmegaConf.create({"x": ""})
    update(tree, {"x": literal(text)})
    assert OmegaConf.to_container(tree, resolve=True) == {"x": text}


def test_seeds_of_a_study_are_looked_at_too():
    for seed in (10**3999, -(10**3999)):
        with pytest.raises(UserError, match="seed must be"):
            resolve([], composer=COMPOSER, seed=seed)


def test_two_spellings_of_a_number_are_two_studies():
    names = [plain(f"study_name={name}")["study_name"] for name in ("1.1", "1.10", "1.100")]
    assert names == ["1.1", "1.10", "1.100"]


def test_what_was_needed_before_still_works(tmp_path):
    assert plain(f"out='{tmp_path}/a b'")["out"] == f"{tmp_path}/a b"
    assert plain(f'out="{tmp_path}/a,b"')["out"] == f"{tmp_path}/a,b"
    assert plain("study_name=${device}")["study_name"] == "cpu"
    assert plain("dataset.root=null")["dataset"]["root"] is None
    assert plain("optimizer.schedule=step")["optimizer"]["schedule"] == "step"


def test_a_tilde_is_the_home_folder_in_every_path(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "w.pth").write_bytes(b"x")
    found = plain("out=~/runs", "dataset.root=~/w.pth", "backbone=resnet18", "backbone.weights=~/w.pth")
    assert found["out"] == f"{tmp_path}/runs"
    assert found["dataset"]["root"] == found["backbone"]["weights"] == str(tmp_path / "w.pth")
    assert plain("out=./~")["out"] == "./~"
    assert overlay(found, ["dataset.root=~/w.pth"])["dataset"]["root"] == str(tmp_path / "w.pth")
    table = tmp_path / "images"
    table.mkdir()
    (tmp_path / "t.csv").write_text("path,label\n")
    assert plain("dataset=table", "dataset.root=~/t.csv", "dataset.images=~/images", "backbone.weights=null")[
        "dataset"
    ]["source"]["images"] == str(table)


def test_a_name_changes_no_run(tmp_path):
    ids = {run_id(plain(f"study_name={name}", f"out={tmp_path / name}")) for name in ("1.10", "Vögel", "a=b, c")}
    assert ids == {run_id(plain())}


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ("out=", "out is empty"),
        ("dataset.root= ", r"dataset\.root is empty"),
        ("study_name=", "study_name is empty"),
        ("out=a\0b", "cannot be read"),
        ("study_name=" + "x" * 256, "study_name has 256 bytes, and a folder name has at most 255"),
        ("study_name=" + "ü" * 128, "study_name has 256 bytes"),
        ("dataset.root=" + "x" * 300, "does not exist"),
        ("seed=" + "9" * 5000, "more than 400 digits"),
        ("seed=" + "9" * 300, r"seed must be below 9\.22e\+18"),
        ("optimizer.lr=1e39", r"optimizer\.lr must be below 3\.4e\+38, not 1e\+39"),
        ("protocol.ks=[1,99999999999999999999]", r"protocol\.ks must be below"),
        ("protocol.ks=" + "[" * 5000, "cannot be read"),
        ("graph=[a", "cannot be read"),
        ("=3", "cannot be read"),
        ("a b=3", "cannot be read"),
        ("++seed=3", "not added"),
        ("hydra.run.dir=x", "unknown"),
        ("choices.graph=knn", "unknown"),
    ],
)
def test_odd_values_are_one_short_sentence(setting, message):
    with pytest.raises(UserError, match=message) as caught:
        plain(setting)
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 1000


def test_a_path_that_yaml_reads_as_a_number_is_refused(tmp_path):
    own = tmp_path / "conf"
    (own / "dataset").mkdir(parents=True)
    text = (CONF / "dataset" / "emoji.yaml").read_text().replace("root: null", "root: 2024_11_25")
    (own / "dataset" / "mine.yaml").write_text(text)
    with pytest.raises(UserError, match=r"dataset\.root=20241125 is no text as its YAML has it; put it in quotes"):
        resolve(["dataset=mine"], config_dirs=[own])


@pytest.mark.parametrize("name", ["it's", "a, b", "Vögel", "a=b [c]", "${x}", 'q"q', "a\\b"])
def test_settings_of_the_users_own_may_lie_in_any_folder(name, tmp_path):
    own = tmp_path / name
    (own / "graph").mkdir(parents=True)
    (own / "graph" / "mine.yaml").write_text((CONF / "graph" / "knn.yaml").read_text())
    assert resolve(["graph=mine"], config_dirs=[own])["choices"]["graph"] == "mine"


def test_the_list_of_texts_names_settings_that_there_are():
    known = {
        "out",
        "study_name",
        "cell",
        "device",
        "dataset.root",
        "dataset.images",
        "dataset.cache",
        "backbone.weights",
        "start_from",
    }
    assert set(TEXTS) == known
    assert Setting("out", "~").as_text() == "~"
    assert os.fsencode(Path("caf\udce9")) == b"caf\xe9"
