"""A choice that is typed comes with its own numbers, not with those that a data set has for another."""

import pytest

from gnn_dml.config.brought import brought
from gnn_dml.config.compose import resolve
from gnn_dml.config.names import groups

PAPER = ["cub", "cars196", "sop", "inshop"]


@pytest.fixture(scope="module")
def settings(trees, tmp_path_factory):
    roots = {name: trees.FOUND[name].write(tmp_path_factory.mktemp(name)) for name in PAPER}
    return {name: [f"dataset={name}", f"dataset.root={root}", "dataset.strict=false"] for name, root in roots.items()}


@pytest.mark.parametrize("name", PAPER)
def test_another_optimiser_has_its_own_rate_and_decay(name, settings):
    plain, found = resolve(["optimizer=adamw"]), resolve([*settings[name], "optimizer=adamw"])
    assert found["optimizer"] == plain["optimizer"]
    kept = resolve([*settings[name], "optimizer=radam"])
    assert kept["optimizer"] == resolve(settings[name])["optimizer"] != plain["optimizer"]


def test_another_layer_has_its_own_heads_and_another_loss_its_own_temperature(settings):
    found = resolve([*settings["inshop"], "layer=transformer", "loss=focal"])
    plain = resolve(["layer=transformer", "loss=focal"])
    assert (found["layer"], found["loss"]) == (plain["layer"], plain["loss"])
    assert found["optimizer"] == resolve(settings["inshop"])["optimizer"]


def test_single_settings_still_win_over_both(settings):
    found = resolve([*settings["cub"], "optimizer=adamw", "optimizer.lr=0.5", "layer=gat", "layer.num_heads=8"])
    assert (found["optimizer"]["lr"], found["optimizer"]["weight_decay"]) == (0.5, 0.01)
    assert found["layer"]["num_heads"] == 8


def test_a_protocol_leaves_the_batches_of_the_data_set(settings):
    found = resolve([*settings["cars196"], "protocol=paper"])["protocol"]
    assert (found["classes_per_batch"], found["images_per_class"]) == (10, 7)


def test_data_sets_of_the_users_own_too(tiny_archive, tmp_path):
    (tmp_path / "dataset").mkdir()
    (tmp_path / "dataset" / "mine.yaml").write_text(
        "# @package _global_\ndefaults:\n  - emoji@dataset\n  - override /layer: gat\nlayer:\n  num_heads: 2\n"
    )
    mine = ["dataset=mine", f"dataset.root={tiny_archive}"]
    assert resolve(mine, config_dirs=[tmp_path])["layer"]["num_heads"] == 2
    typed = resolve([*mine, "layer=gatv2"], config_dirs=[tmp_path])
    assert typed["layer"] == resolve(["layer=gatv2"])["layer"]


def test_what_data_sets_bring_is_known_to_be_of_a_choice():
    """Whatever a YAML of the package sets in a group is of a choice that it names, or of the usual one."""
    for name in groups()["dataset"]:
        choices, settings = brought(name)
        assert set(choices) | {"loss"} >= set(settings), name
