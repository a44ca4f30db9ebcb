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
