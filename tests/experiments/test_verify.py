"""What is said of a folder with one of everything."""

import shutil

import pytest

from gnn_dml.errors import UserError
from gnn_dml.experiments.verify import verify_dataset


def test_nothing_that_was_left_is_called_whole(trees, tmp_path):
    root = trees.write_folder(tmp_path / "root", classes=4, images=2)
    assert verify_dataset("folder", root).lines() == [
        "layout: a folder per class, of which the last 2 of 4 are for testing",
        "whole; 8 images (4 train, 4 test), 4 classes of 2 images, all readable",
    ]
    for name in ("1.svg", "2.svg", "3.svg", "4.svg"):
        (root / "class 1" / name).write_bytes(b"x")
    (root / ".DS_Store").write_text("")
    shutil.copy(root / "class 1" / "0.jpg", root / "class 3" / "2.jpg")
    verified = verify_dataset("folder", root)
    assert not verified.whole
    assert verified.lines()[1:] == [
        "passed over:",
        "        1  hidden       .DS_Store",
        "        4  suffix .svg  class 1/1.svg, class 1/2.svg, class 1/3.svg, ...",
        "copies of training images among the test images: 1, for instance class 1/0.jpg and class 3/2.jpg",
        "9 images (4 train, 5 test), 4 classes of 2 to 3 images, all readable",
    ]


def test_copies_between_the_halves_alone_are_no_whole_either(trees, tmp_path):
    root = trees.write_folder(tmp_path / "root", classes=4, images=2)
    shutil.copy(root / "class 1" / "0.jpg", root / "class 4" / "9.jpg")
    assert verify_dataset("folder", root).lines()[-1].startswith("9 images (4 train, 5 test)")


def test_images_that_cannot_be_read_are_named(trees, tmp_path):
    root = trees.write_folder(tmp_path / "root", classes=4, images=2)
    (root / "class 2" / "0.jpg").write_bytes(b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n")
    with pytest.raises(UserError, match=r"1 of 8 images cannot be read:\n.*class 2/0\.jpg: it is in no image format"):
        verify_dataset("folder", root)


def test_what_else_was_found_is_said_beside_images_that_cannot_be_read(trees, tmp_path):
    root = trees.write_folder(tmp_path / "root", classes=4, images=2)
    for name in ("class 2/0.jpg", "class 2/1.jpg"):  # both empty, and yet no copies of one another
        (root / name).write_bytes(b"")
    (root / "class 3" / "notes.txt").write_text("x")
    with pytest.raises(UserError) as caught:
        verify_dataset("folder", root)
    assert str(caught.value).splitlines()[1:] == [
        f"  cannot read the image {root}/class 2/0.jpg: the file is empty",
        f"  cannot read the image {root}/class 2/1.jpg: the file is empty",
        "layout: a folder per class, of which the last 2 of 4 are for testing",
        "passed over:",
        "        1  suffix .txt  class 3/notes.txt",
        "8 images (4 train, 4 test), 4 classes of 2 images, 2 not readable",
    ]


@pytest.mark.parametrize(
    ("parts", "said", "counts"),
    [
        (["test"], "no training images: good for evaluate, embed and search", "(4 test)"),
        (["query", "gallery"], "no training images: good for evaluate, embed and search", "(4 query, 4 gallery)"),
        (["train"], "no test images: good for train with protocol.test_on=none", "(4 train)"),
    ],
)
def test_a_folder_with_one_part_is_verified_and_what_it_is_good_for_is_said(trees, tmp_path, parts, said, counts):
    for part in parts:
        trees.write_folder(tmp_path / part, classes=2, images=2)
    if len(parts) == 2:  # the same images on both sides so far
        lines = verify_dataset("folder", tmp_path).lines()
        assert "copies of gallery images among the queries: 4, for instance" in lines[-3]
        assert not lines[-1].startswith("whole")
        for path in sorted(tmp_path.glob("gallery/*/*.jpg")):
            path.write_bytes(path.read_bytes() + b"other")
    lines = verify_dataset("folder", tmp_path).lines()
    assert lines[-2].startswith(said)
    assert lines[-1].startswith(f"whole; {2 * 2 * len(parts)} images {counts}")
    (tmp_path / parts[0] / "class 1" / "0.jpg").write_bytes(b"")
    with pytest.raises(UserError, match=r"class 1/0\.jpg: the file is empty"):
        verify_dataset("folder", tmp_path)


def test_a_table_of_test_images_is_verified_too(trees, tmp_path):
    trees.write_folder(tmp_path, classes=2, images=2)
    (tmp_path / "list.csv").write_text("path,label,split\nclass 1/0.jpg,a,test\nclass 1/1.jpg,a,test\n")
    assert verify_dataset("table", tmp_path / "list.csv").lacking.startswith("no training images")


def test_a_class_on_both_sides_is_an_error_and_no_part_that_is_missing(trees, tmp_path):
    for part in ("train", "test"):
        trees.write_folder(tmp_path / part, classes=2, images=2)
    with pytest.raises(UserError, match="has images in train and in test"):
        verify_dataset("folder", tmp_path)
