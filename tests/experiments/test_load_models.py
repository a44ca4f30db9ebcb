"""Published weights under the settings that they were published for."""

import pytest
import torch

from gnn_dml.experiments.load_models import load_models


@pytest.fixture
def published(published_weights, trees, tmp_path):
    """Loads small weights under the published names for a data set, with its settings."""
    (_, cnn), (_, gnn) = published_weights.make_cnn(), published_weights.make_refiner()
    torch.save(cnn, tmp_path / "cnn.pth")
    torch.save(gnn, tmp_path / "gnn.pth")

    def load(name, *settings):
        root = trees.FOUND[name].write(tmp_path / name)
        held = [f"dataset.root={root}", "dataset.strict=false", "backbone=resnet18", "backbone.weights=null", *settings]
        (model,) = load_models(tmp_path / "cnn.pth", dataset=name, settings=held, refiners=[tmp_path / "gnn.pth"])
        return model

    return load


@pytest.mark.parametrize(
    ("name", "settings", "heads"),
    [
        ("cars196", [], 4),
        ("cars196", ["layer.num_heads=8"], 8),
        ("cub", [], 2),
        ("inshop", [], 4),
    ],
)
def test_one_layer_for_cars_has_four_heads_unless_typed(published, name, settings, heads):
    model = published(name, *settings)
    assert [block.attention.num_heads for block in model.learner.refiner.blocks] == [heads]


def test_published_weights_see_images_as_they_were_published(published):
    dataset = published("cub").config["dataset"]
    assert (dataset["transform"]["normalize"], dataset["orientation"]) == ("published", "stored")
