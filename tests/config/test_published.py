"""What protocol=paper sets in other groups, and that typing wins over it."""

import pytest

from gnn_dml.config.compose import resolve
from gnn_dml.config.flatten import flatten
from gnn_dml.config.identity import digest

PUBLISHED = {
    "sampler.extra_group": True,
    "sampler.fill_last": True,
    "optimizer.factory.decoupled_weight_decay": True,
    "optimizer.decayed": "all",
    "optimizer.schedule": "drop",
    "optimizer.drop_epoch": 31,
    "backbone.double_statistics": True,
    "loss.terms.backbone.layers": "sum",
    "loss.terms.refined.layers": "sum",
    "dataset.transform.normalize": "published",
    "dataset.transform.erasing": "uniform",
    "dataset.orientation": "stored",
    "protocol.reload": [31, 51],
    "protocol.k1": 30,
}
OURS = {
    **dict.fromkeys(PUBLISHED, False),
    "optimizer.decayed": "matrices",
    "optimizer.schedule": "step",
    "optimizer.drop_epoch": 31,
    "loss.terms.backbone.layers": "mean",
    "loss.terms.refined.layers": "mean",
    "dataset.transform.normalize": "imagenet",
    "dataset.transform.erasing": "torchvision",
    "dataset.orientation": "exif",
    "protocol.reload": [],
    "protocol.k1": 30,
}
NAMES = ["cub", "cars196", "sop", "inshop"]


@pytest.fixture(scope="module")
def settings(trees, tmp_path_factory):
    """For each of the paper's data sets, what reads a small tree in its layout."""
    roots = {name: trees.FOUND[name].write(tmp_path_factory.mktemp(name)) for name in NAMES}
    return {name: [f"dataset={name}", f"dataset.root={root}", "dataset.strict=false"] for name, root in roots.items()}


def found(config):
    flat = flatten(config)
    return {name: flat[name] for name in PUBLISHED}


@pytest.mark.parametrize("name", NAMES)
def test_the_papers_protocol_trains_as_published_and_the_default_as_before(name, settings):
    assert found(resolve([*settings[name], "protocol=paper"])) == PUBLISHED
    assert found(resolve(settings[name])) == OURS


def test_what_is_typed_wins_over_the_protocol(settings):
    typed = ["sampler.extra_group=false", "optimizer.schedule=constant", "backbone.double_statistics=false"]
    typed += ["dataset.transform.normalize=imagenet", "loss.layers=mean", "protocol.reload=[]"]
    config = found(resolve([*settings["cub"], "protocol=paper", *typed]))
    changed = {name for name, value in config.items() if value != PUBLISHED[name]}
    assert changed == {
        "sampler.extra_group",
        "optimizer.schedule",
        "backbone.double_statistics",
        "dataset.transform.normalize",
        "loss.terms.backbone.layers",
        "loss.terms.refined.layers",
        "protocol.reload",
    }


def test_the_same_settings_under_either_protocol_are_the_same_words(settings):
    """A run's name knows the settings, not where they came from."""
    config = resolve([*settings["cub"], "protocol=paper"])
    assert "elsewhere" not in config["protocol"]
    assert digest(config) != digest(resolve([*settings["cub"], "protocol=paper", "sampler.fill_last=false"]))
    assert digest(resolve(["protocol=paper"])) != digest(resolve(["protocol=paper", "protocol.reload=[]"]))


@pytest.mark.parametrize("backbone", ["small_cnn", "pixels", "densenet121", "timm"])
def test_backbones_without_checkpoints_know_no_double_statistics(backbone):
    more = ["graph=none", "protocol.epochs=0"] if backbone == "pixels" else []
    config = resolve(["protocol=paper", f"backbone={backbone}", *more])
    assert "double_statistics" not in config["backbone"]
