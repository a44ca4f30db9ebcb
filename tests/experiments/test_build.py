"""From settings to objects, where no run as a whole shows it."""

import pytest

from gnn_dml.errors import UserError
from gnn_dml.experiments import train
from gnn_dml.experiments.build import build_neighbourhoods, build_source, locate, read_dataset


@pytest.mark.parametrize(
    ("protocol", "expected"),
    [
        ({"neighbourhood": "nearest", "neighbours": 8}, "NearestNeighbourhoods(8)"),
        ({"neighbourhood": "reciprocal", "neighbours": 6}, "ReciprocalNeighbourhoods(6, k1=30)"),
        ({"neighbourhood": "reciprocal", "neighbours": 6, "k1": 12}, "ReciprocalNeighbourhoods(6, k1=12)"),
        ({"neighbours": 4}, "NearestNeighbourhoods(4)"),
    ],
)
def test_neighbourhoods(protocol, expected):
    """A run from before there was a choice meant the nearest ones."""
    assert repr(build_neighbourhoods(protocol)) == expected


def test_an_unknown_neighbourhood_is_named():
    with pytest.raises(UserError, match=r"neighbourhood must be one of nearest, reciprocal, not 'mutual'"):
        build_neighbourhoods({"neighbourhood": "mutual", "neighbours": 4})


FOLDER = {"_target_": "gnn_dml.data.read_folder"}


def test_a_reader_is_told_which_splits_are_needed_if_it_can_be(trees, tiny_archive, tmp_path):
    for i in range(2):
        trees.jpeg(tmp_path / "test" / "a" / f"{i}.jpg", i)
    reader = {**FOLDER, "root": str(tmp_path)}
    with pytest.raises(UserError, match="has no training images"):
        read_dataset(reader)
    assert len(read_dataset(reader, need=("test",))) == 2
    emoji = {"_target_": "gnn_dml.data.emoji_archive", "root": str(tiny_archive)}
    assert set(read_dataset(emoji, need=("test",)).roles) == {"train", "val", "test"}
    for broken, said in (
        ({"root": "x"}, "has no _target_"),
        ({"_target_": "gnn_dml.no.such"}, "_target_=gnn_dml.no.such"),
    ):
        with pytest.raises(UserError, match=said):
            read_dataset(broken)


def test_validation_classes_are_held_out_of_a_training_half_alone(trees, tmp_path):
    """A folder with test images and nothing else has a test split, and whoever wants to train there is told."""
    trees.jpeg(tmp_path / "test" / "1.jpg", 1)
    transform = {"_target_": "gnn_dml.data.PhotoTransforms"}
    config = {"dataset": {"source": {**FOLDER, "root": str(tmp_path)}, "transform": transform}, "workers": 0}
    config["protocol"] = {"val_share": 0.2}
    source, _, skipped = build_source(config, need=("test",), labelled=False)
    assert (source.split("test").image_names, skipped) == (("test/1.jpg",), 0)
    with pytest.raises(UserError, match="1 images lie directly in test/"):
        build_source(config, need=("test",))
    with pytest.raises(UserError, match="has no training images"):
        build_source(config, labelled=False)


def test_classes_that_choose_the_epoch_are_named_where_a_batch_has_too_few(trees, tmp_path):
    root = trees.write_folder(tmp_path / "images", classes=8, images=2)
    small = ["backbone=small_cnn", "backbone.width=4", "backbone.dim=16", "backbone.map_size=1", "layer=dot_product"]
    small += ["dataset.transform.size=16", "dataset.transform.resize=16", "device=cpu", f"out={tmp_path / 'runs'}"]
    typed = ["dataset=folder", f"dataset.root={root}", *small, "protocol.epochs=1", "protocol.classes_per_batch=4"]
    with pytest.raises(
        UserError, match="have 2 classes to train on; 2 more are held out to choose the epoch"
    ) as caught:
        train(typed)
    for remedy in ("protocol.val_least=1", "protocol.train_on=[train,val]"):
        assert remedy in str(caught.value)
    assert train([*typed, "protocol.select_on=none", "protocol.train_on=[train,val]"])["status"].tolist() == [
        "finished"
    ]
    with pytest.raises(UserError, match=r"and the data have 4 classes$"):
        train([*typed[:-1], "protocol.classes_per_batch=5", "protocol.select_on=none", "protocol.train_on=[train,val]"])


def test_a_module_that_fails_without_a_word_is_named(tmp_path, monkeypatch):
    (tmp_path / "module_that_fails.py").write_text("raise ValueError()\n")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(UserError, match=r"_target_=module_that_fails\.Reader cannot be found: \w+"):
        locate("module_that_fails.Reader")
