"""Which images a word asks for, of data sets that have not every part."""

import shutil

import pytest

from gnn_dml.errors import UserError
from gnn_dml.experiments.read_images import read_images


def config_of(root, reader="gnn_dml.data.read_folder"):
    dataset = {
        "source": {"_target_": reader, "root": str(root)},
        "transform": {"_target_": "gnn_dml.data.PhotoTransforms"},
    }
    return {"dataset": dataset, "protocol": {"val_share": 0.2}, "workers": 0}


@pytest.mark.parametrize("parts", [("train", "test"), ("train",), ("test",), ("val",), ("query", "gallery")])
def test_all_images_are_those_of_the_parts_that_are_there(trees, tmp_path, parts):
    same = parts == ("query", "gallery")
    for part in parts:
        trees.write_folder(tmp_path / part, classes=2, images=2)
        if not same:
            for folder in list((tmp_path / part).iterdir()):
                folder.rename(folder.with_name(f"{part} {folder.name}"))
    found = read_images(config_of(tmp_path), "all")
    assert {name.partition("/")[0] for name in found.image_names} == set(parts)
    assert len(found) == 4 * len(parts)


def test_images_of_one_class_are_all_there_is(trees, tmp_path):
    root = trees.write_folder(tmp_path / "root", classes=1, images=5)
    (tmp_path / "list.csv").write_text("path,label\n" + "".join(f"root/class 1/{i}.jpg,a\n" for i in range(3)))
    assert len(read_images(config_of(root), "all", labelled=False)) == 5
    assert len(read_images(config_of(root), "test", labelled=False)) == 5
    assert len(read_images(config_of(tmp_path / "list.csv", "gnn_dml.data.read_table"), "all", labelled=False)) == 3
    for word in ("all", "test"):
        with pytest.raises(UserError, match="has 1 class with images, and 2 or more are needed"):
            read_images(config_of(root), word)
    with pytest.raises(UserError, match="has no training images"):
        read_images(config_of(root), "train", labelled=False)


def test_what_is_wrong_with_a_part_that_is_there_is_said_and_the_part_is_not_left_out(trees, tmp_path):
    for part in ("train", "test"):
        trees.write_folder(tmp_path / part, classes=2, images=2)
    with pytest.raises(UserError, match="has images in train and in test"):
        read_images(config_of(tmp_path), "all")
    shutil.rmtree(tmp_path / "train")
    trees.jpeg(tmp_path / "train" / "flat.jpg", 1)
    with pytest.raises(UserError, match="1 images lie directly in train/"):
        read_images(config_of(tmp_path), "all")
