"""The name of a run: what counts, what does not, and that names last."""

import json
import shutil
from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from gnn_dml.config.compose import resolve
from gnn_dml.config.flatten import flatten
from gnn_dml.config.identity import counted_settings, digest, read_baseline, run_id
from gnn_dml.config.names import CONF, groups
from gnn_dml.config.upgrade import upgrade

OLD = Path(__file__).with_name("old_runs")
NAMES = json.loads((OLD / "names.json").read_text())
OLD_RUNS = sorted(path.name for path in OLD.iterdir() if path.is_dir())

DEFAULT = resolve([])
SAME = [
    ([], ["workers=3"]),
    ([], ["out=elsewhere"]),
    ([], ["study_name=other"]),
    ([], ["cell=a name"]),
    (["graph=none"], ["graph=none", "layer=gat"]),
    (["graph=none"], ["graph=none", "drop_edge=0.5"]),
    (["graph=none"], ["graph=none", "optimizer.refiner_rate=1.0"]),
    (["graph=none"], ["graph=none", "protocol.neighbours=3"]),
    ([], ["protocol.k1=12"]),
    (["protocol.epochs=0"], ["protocol.epochs=0", "protocol.reload=[3]"]),
    (["graph=none"], ["graph=none", "loss.terms.refined.weight=3.0"]),
    (["protocol.epochs=0"], ["protocol.epochs=0", "optimizer.lr=0.5"]),
    (["protocol.epochs=0"], ["protocol.epochs=0", "loss.temperature=0.5"]),
    ([], ["optimizer.lr=0.002"]),
    (["optimizer.lr=1"], ["optimizer.lr=1.0"]),
    ([], ["graph.loop=false"]),
]
OTHER = [
    ["seed=1"],
    ["graph=knn"],
    ["graph=none"],
    ["graph=isolated"],
    ["layer=gat"],
    ["optimizer.lr=0.001"],
    ["loss.temperature=0.5"],
    ["loss.terms.refined.temperature=0.5"],
    ["backbone.dim=128"],
    ["protocol.epochs=3"],
    ["protocol.val_seed=1"],
    ["sampler=distinct"],
    ["dataset.transform.grey=0.0"],
    ["drop_edge=0.1"],
    ["sampler.extra_group=true"],
    ["sampler.fill_last=true"],
    ["optimizer.decayed=all"],
    ["optimizer.schedule=drop"],
    ["loss.layers=sum"],
    ["loss=focal"],
    ["layer.aggregation=mean"],
    ["protocol.reload=[3]"],
    ["refiner.edge_features=[rank]"],
    ["protocol.neighbourhood=reciprocal"],
    ["protocol.neighbourhood=reciprocal", "protocol.k1=12"],
]


@pytest.mark.parametrize(("first", "second"), SAME)
def test_what_decides_no_figure_changes_no_name(first, second):
    assert digest(resolve(first)) == digest(resolve(second))


def test_what_decides_a_figure_changes_the_name():
    digests = [digest(resolve(settings)) for settings in [[], *OTHER]]
    assert len(set(digests)) == len(digests)


def test_the_name_says_backbone_graph_layer_and_seed():
    assert run_id(resolve(["graph=knn", "layer=gat", "seed=3"])).startswith("small_cnn-knn-gat-s3-")
    assert run_id(resolve(["graph=none"])).startswith("small_cnn-none-s0-")


def fill(folder, order=(1, 2, 3, 4)):
    for c in order:
        (folder / f"class {c}").mkdir(parents=True)
        for i in (0, 1):
            (folder / f"class {c}" / f"{i}.jpg").write_bytes(bytes(50 * c + i))
    return folder


def folder_run(root):
    return resolve(["dataset=folder", f"dataset.root={root}", "backbone.weights=null"])


def test_equal_folders_in_two_places_under_two_spellings_are_one_run(tmp_path, monkeypatch):
    first, second = fill(tmp_path / "here" / "images"), fill(tmp_path / "there", (4, 3, 2, 1))
    monkeypatch.chdir(tmp_path / "here")
    spellings = [first, "images", "./images/", "../here/images", second]
    assert len({run_id(folder_run(root)) for root in spellings}) == 1


@pytest.mark.parametrize("change", ["bytes", "more", "renamed", "fewer"])
def test_other_files_are_another_run(tmp_path, change):
    fill(tmp_path / "a")
    fill(tmp_path / "b")
    inside = tmp_path / "b" / "class 1"
    if change == "bytes":
        (inside / "0.jpg").write_bytes(bytes(7))
    elif change == "more":
        (inside / "2.jpg").write_bytes(bytes(50))
    elif change == "renamed":
        inside.rename(inside.with_name("class 9"))
    else:
        (inside / "1.jpg").unlink()
    assert run_id(folder_run(tmp_path / "a")) != run_id(folder_run(tmp_path / "b"))


def test_weights_count_by_what_they_are(tmp_path):
    def named(path, content):
        path.write_bytes(content)
        return digest(resolve(["backbone=resnet18", f"backbone.weights={path}"]))

    assert named(tmp_path / "a.pth", b"one") == named(tmp_path / "b.pth", b"one") != named(tmp_path / "b.pth", b"two")


def test_where_a_cache_lies_does_not_count_but_that_there_is_one_does(tmp_path):
    fill(tmp_path / "images")
    config = folder_run(tmp_path / "images")
    digests = [digest({**config, "dataset": {**config["dataset"], "cache": cache}}) for cache in (None, "/a", "/b")]
    assert digests[0] != digests[1] == digests[2]


@pytest.mark.parametrize("name", OLD_RUNS)
def test_runs_of_the_last_version_keep_their_names(name):
    """The names stand in a file: whatever changes them makes every finished run of every user unknown."""
    config = upgrade(yaml.safe_load((OLD / name / "config.yaml").read_text()))
    assert run_id(config) == NAMES[name]


@pytest.mark.parametrize("name", OLD_RUNS)
def test_a_new_setting_with_its_old_behaviour_renames_nothing(name):
    old = upgrade(yaml.safe_load((OLD / name / "config.yaml").read_text()))
    baseline = {**read_baseline(), "optimizer.nesterov": False, "expansion.k": 4}
    new = {**old, "optimizer": {**old["optimizer"], "nesterov": False}, "expansion": {"k": 4}}
    assert digest(new, baseline) == digest(old)
    assert digest({**new, "expansion": {"k": 5}}, baseline) != digest(old)


def test_a_default_that_changes_gives_other_names():
    config = resolve([])
    changed = {**config, "optimizer": {**config["optimizer"], "weight_decay": 0.05}}
    assert digest(changed) != digest(config)


def test_every_setting_of_the_package_has_a_value_that_names_leave_out():
    """A setting that is missing in baseline.json would rename every run: enter it with its old behaviour."""
    written = {"seed", "dataset.content"}
    for group, names in groups().items():
        for name in names:
            held = yaml.safe_load((CONF / group / f"{name}.yaml").read_text()) or {}
            flat = flatten(held[group] if group == "dataset" and "dataset" in held else held, f"{group}.")
            written |= {key for key in flat if not key.endswith(("_target_", "_partial_"))}
    idle = (
        "dataset.root",
        "dataset.images",
        "dataset.cache",
        "dataset.source.",
        "dataset.cache_side",
        "protocol.elsewhere.",
    )
    loss = (
        "loss.smoothing",
        "loss.temperature",
        "loss.refined_temperature",
        "loss.layers",
        "loss.gamma",
        "loss.defaults",
    )
    known = {*read_baseline(), "seed", "dataset.content", "backbone.image_size"}
    assert [key for key in sorted(written - known) if not key.startswith((*idle, *loss))] == []
    assert [key for key in counted_settings(resolve([])) if key not in known and not key.endswith("_")] == []


OWN = "from gnn_dml.graphs import Complete\n\n\nclass Mine(Complete):\n    pass\n"


def test_edited_code_of_a_users_class_is_another_run(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(tmp_path)
    config = resolve([])
    config["graph"] = {"_target_": "own_topology_module.Mine"}
    (tmp_path / "own_topology_module.py").write_text(OWN)
    first = digest(config)
    (tmp_path / "own_topology_module.py").write_text(OWN + "    # edited\n")
    assert digest(config) != first
    (tmp_path / "own_topology_module.py").write_text(OWN)
    assert digest(config) == first


def test_a_package_counts_with_all_its_files(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "own_package_of_mine").mkdir()
    for name in ("__init__", "inner"):
        (tmp_path / "own_package_of_mine" / f"{name}.py").write_text("")
    config = {**resolve([]), "graph": {"_target_": "own_package_of_mine.inner.Mine"}}
    first = digest(config)
    (tmp_path / "own_package_of_mine" / "other.py").write_text("x = 1\n")
    assert digest(config) != first
    shutil.rmtree(tmp_path / "own_package_of_mine")


@given(st.dictionaries(st.sampled_from(["a", "b", "c"]), st.integers() | st.none() | st.booleans(), max_size=3))
def test_the_order_of_settings_makes_no_difference(extra):
    config = DEFAULT
    turned = dict(reversed([*config.items(), ("extra", dict(reversed(extra.items())))]))
    assert digest(turned) == digest({**config, "extra": extra})
