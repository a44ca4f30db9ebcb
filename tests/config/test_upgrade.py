"""Settings of earlier versions in the words of this one."""

from pathlib import Path

import pytest
import yaml

from gnn_dml.config.compose import resolve
from gnn_dml.config.upgrade import upgrade

OLD = Path(__file__).with_name("old_runs")


def old(name):
    (path,) = OLD.glob(f"*-{name}*/config.yaml")
    return yaml.safe_load(path.read_text())


SINCE = (Path(__file__).with_name("old_runs") / "since.txt").read_text().split()
"""Settings under which today's defaults are those of the last version."""


def test_the_default_of_the_last_version_is_the_default_of_this_one():
    """But for what the default has become since."""
    small = ["backbone.width=4", "backbone.dim=16", "protocol.epochs=1", "device=cpu", "study_name=old"]
    assert upgrade(old("complete")) == resolve([*small, *SINCE])


def test_one_temperature_and_two_weights_become_terms():
    loss = upgrade(old("threshold"))["loss"]
    assert loss["terms"]["refined"]["weight"] == 0.5
    assert loss["terms"]["backbone"]["weight"] == 1.0
    assert {term["temperature"] for term in loss["terms"].values()} == {1.0}
    assert {name: term["branch"] for name, term in loss["terms"].items()} == {
        "backbone": "backbone",
        "refined": "refined",
    }


def test_settings_that_older_files_have_not_get_what_they_meant():
    held = old("complete")
    for name in ("neighbourhood", "val_share", "val_seed", "folds", "fold"):
        del held["protocol"][name]
    del held["drop_edge"], held["refiner"]["weighted"]
    held["dataset"]["source"]["_target_"] = "gnn_dml.data.EmojiDataset"
    assert upgrade(held) == upgrade(old("complete"))


@pytest.mark.parametrize("name", ["complete", "knn", "threshold", "none-s0-5"])
def test_upgrading_twice_is_upgrading_once(name):
    once = upgrade(old(name))
    assert upgrade(once) == once


def test_nothing_is_changed_in_place():
    held = old("complete")
    upgrade(held)
    assert held == old("complete")


def test_photographs_were_turned_upright_and_erased_as_torchvision_does():
    transform = {"_target_": "gnn_dml.data.PhotoTransforms", "size": 227}
    held = {"dataset": {"unreadable": "skip", "content": "x", "source": {}, "transform": transform}}
    found = upgrade(held)["dataset"]
    assert (found["orientation"], found["transform"]["erasing"]) == ("exif", "torchvision")
    assert upgrade(upgrade(held)) == upgrade(held)
