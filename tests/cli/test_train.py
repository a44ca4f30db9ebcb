"""`gnn-dml train` on images of one's own, without a GPU, as somebody who sees the program for the first time."""

import csv
import json
import re

import pytest

SMALL = ["dataset.transform.size=32", "dataset.transform.resize=32", "device=cpu"]


@pytest.fixture
def photos(trees, tmp_path):
    """A function from a number of classes, and of images in each, to the settings of a folder of them."""

    def write(classes, images):
        root = trees.FOUND["folder"].write(tmp_path / "photos", classes, images)
        return ["dataset=folder", f"dataset.root={root}"]

    return write


def test_frozen_features_are_a_number_in_one_command(program, photos, tmp_path):
    settings = [*photos(6, 4), *SMALL]
    training = [*settings, f"out={tmp_path / 'runs'}", "pictures=false", "--recipe", "frozen"]
    shown = program("train", *training)
    first, second, third, fourth = shown.splitlines()[:4]
    assert first == "recipe frozen:"
    assert second.startswith("  backbone=efficientnet_lite0 backbone.dim=null graph=none protocol.epochs=0")
    assert "normalize=half" in second + third
    said = next(line for line in (third, fourth) if line.startswith("no training"))
    assert said.startswith("no training: images are embedded by timm/tf_efficientnet_lite0 at 32 px (ImageNet weights)")
    with (tmp_path / "runs" / "single" / "results.csv").open() as file:
        (row,) = csv.DictReader(file)
    found = json.loads(program("evaluate", "packaged", *settings, "--json"))
    assert found["backbone_map@r"] == pytest.approx(float(row["backbone_map@r"]))
    for split, said in (("test", True), ("train", False)):
        shown = program("embed", "packaged", *settings, "--split", split, "--out", f"{tmp_path}/{split}.npz")
        assert ("the test classes alone; --split all takes every image" in shown) is said
    again = program("train", *training)
    assert "Already done" in again
    assert "no training" not in again


def test_a_training_says_what_it_does(program, photos, tmp_path):
    settings = [*photos(6, 4), *SMALL, "backbone.weights=null", "protocol.epochs=1", "pictures=false"]
    settings += [f"out={tmp_path / 'runs'}"]
    shown = program("train", *settings, "--recipe", "small")
    assert shown.startswith("recipe small:\n  backbone=efficientnet_lite0 backbone.dim=null")
    assert "protocol.epochs=5" not in shown
    lines = [line for line in shown.splitlines() if not line.startswith("  ")]
    assert "a batch has 2 classes x 4 images instead of 8 x 4" in lines[1]
    assert lines[2] == "dataset=folder: a folder per class, of which the last 3 of 6 are for testing"
    lines = [line for line in lines[3:] if not line.startswith("the validation part has")]
    assert lines[0].startswith("training timm/tf_efficientnet_lite0 at 32 px (from scratch), graph=complete: 1 epoch")
    assert lines[1].startswith("complete seed 0, epoch 1: loss ")


@pytest.mark.parametrize(
    ("classes", "images", "more", "message"),
    [
        (2, 2, [], "the training half has 1 class"),
        (3, 4, [], "the training half has 1 class"),
        (4, 4, [], "leaves 1 class to train on"),
        (30, 1, [], "one test image of each class"),
        (30, 1, ["--recipe", "frozen"], "one test image of each class"),
        (8, 2, ["--recipe", "small", "graph=knn", "graph.k=9"], "graph.k=9 is too large"),
    ],
)
def test_a_folder_that_cannot_be_trained_on_is_one_sentence(program, photos, tmp_path, classes, images, more, message):
    settings = [*photos(classes, images), "device=cpu", f"out={tmp_path / 'runs'}", *more]
    assert message in program("train", *settings, code=2)
    assert not (tmp_path / "runs").exists()


def test_what_cannot_be_trained_on_can_be_measured(program, photos):
    shown = program("evaluate", "packaged", *photos(2, 2), *SMALL)
    assert "the packaged weights of EfficientNet-Lite0" in shown
    assert re.search(r"^recall@1 +100\.0", shown, re.MULTILINE)  # two images of one class find each other


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["evaluate", "packaged"], "add for instance dataset=folder dataset.root=FOLDER"),
        (["evaluate", "packaged", "dataset=emoji"], "the recipe frozen is for photographs"),
        (["evaluate", "packaged", "dataset=folder"], "dataset=folder needs dataset.root=FOLDER"),
        (["train", "--recipe", "frozen"], "the recipe frozen is for photographs"),
    ],
)
def test_what_a_person_may_get_wrong(program, arguments, message):
    assert message in program(*arguments, code=2)
