import torch

from gnn_dml.data import ImageDataset
from gnn_dml.data.copies import Copies, find_copies


def test_copies_are_counted_by_where_they_stand():
    roles = ("test", "test", "train", "train", "val", "test", "test")
    labels = torch.tensor([0, 0, 1, 1, 2, 0, 3])
    images = torch.zeros(7, 3, 2, 2, dtype=torch.uint8)
    data = ImageDataset(images, labels, ("a", "b", "c", "d"), tuple("0123456"), roles)
    assert find_copies(data, []) == find_copies(data, [bytes([i]) for i in range(7)]) == Copies()
    # 0 is a copy of 2 in training; 4 of 3 in another class of the training half; 5 of 1 in its class.
    found = find_copies(data, [b"x", b"y", b"x", b"z", b"z", b"y", b"w"])
    assert found == Copies(1, 0, 1, 1, (("2", "0"), ("3", "4"), ("1", "5")))
    assert found.sentences() == [
        "copies of training images among the test images: 1, for instance 2 and 0",
        "copies of images in another class: 1, for instance 3 and 4",
        "copies of images in the same class: 1, for instance 1 and 5",
    ]


def test_a_query_that_stands_in_the_gallery_is_no_copy_in_its_class():
    roles = ("query", "gallery", "query", "train", "gallery")
    images = torch.zeros(5, 3, 2, 2, dtype=torch.uint8)
    data = ImageDataset(images, torch.tensor([0, 0, 0, 1, 0]), ("a", "b"), tuple("01234"), roles)
    # 0 is a copy of 1 in the gallery; 4 and 1 are both there and equal; 2 is alone.
    found = find_copies(data, [b"x", b"x", b"y", b"z", b"x"])
    assert (found.across_halves, found.across_sides, found.across_classes, found.in_class) == (0, 1, 0, 1)
    assert found.sentences()[0] == "copies of gallery images among the queries: 1, for instance 1 and 0"
