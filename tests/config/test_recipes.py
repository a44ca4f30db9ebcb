import pytest

from gnn_dml.config.compose import resolve
from gnn_dml.config.recipes import RECIPES, leaves_open, with_recipe
from gnn_dml.errors import UserError

FOLDER = ["dataset=folder", "dataset.root=."]


@pytest.mark.parametrize("name", sorted(RECIPES))
def test_every_recipe_is_a_list_of_settings_that_fits_photographs(name, tmp_path):
    config = resolve(with_recipe(name, ["dataset=folder", f"dataset.root={tmp_path}"]))
    assert (config["protocol"]["epochs"], config["dataset"]["transform"]["size"]) == {
        "full": (70, 227),
        "small": (5, 128),
        "frozen": (0, 128),
    }[name]


def test_frozen_features_go_through_no_projection(tmp_path):
    config = resolve(with_recipe("frozen", ["dataset=folder", f"dataset.root={tmp_path}"]))
    assert (config["backbone"]["dim"], config["backbone"]["weights"]) == (None, "packaged")
    assert config["choices"]["graph"] == "none"


def test_what_is_typed_wins(tmp_path):
    typed = ["dataset=folder", f"dataset.root={tmp_path}", "protocol.epochs=9", "optimizer=radam", "graph=knn"]
    config = resolve(with_recipe("small", typed))
    assert config["protocol"]["epochs"] == 9
    assert (config["choices"]["optimizer"], config["optimizer"]["lr"]) == ("radam", 0.000156)
    assert config["choices"]["graph"] == "knn"


@pytest.mark.parametrize("other", ["backbone=resnet18", "backbone.name=resnet18"])
def test_another_backbone_is_not_seen_as_the_recipes(other):
    kept = with_recipe("small", [*FOLDER, other])
    assert not [setting for setting in kept if setting.startswith("backbone") and setting != other]
    assert not [setting for setting in kept if "normalize" in setting]
    assert "protocol.epochs=5" in kept


@pytest.mark.parametrize(
    ("setting", "left"),
    [
        ("seed=3", True),
        ("graph=knn", True),
        ("out=there", True),
        ("dataset.cache=there", True),
        ("backbone=resnet18", False),
        ("backbone.dim=64", False),
        ("protocol=paper", False),
        ("protocol.epochs=70", False),
        ("dataset.transform.size=64", False),
        ("optimizer.lr=0.1", False),
    ],
)
def test_whether_anything_is_left_to_choose(setting, left):
    assert leaves_open([*FOLDER, setting]) == left


def test_an_unknown_recipe_is_named():
    with pytest.raises(UserError, match="no recipe 'tiny'; there are full, small, frozen"):
        with_recipe("tiny", FOLDER)
