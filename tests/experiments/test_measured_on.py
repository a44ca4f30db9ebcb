"""What a row says of the data, of how images were seen, and of the code."""

import pytest
import torch

from gnn_dml.data import DrawingTransforms, ImageSplit
from gnn_dml.experiments.build import RunSplits
from gnn_dml.experiments.measured_on import describe_code, describe_data, describe_versions, root_name


def split(labels, query=None):
    labels = torch.tensor(labels)
    names = tuple(f"c{i}" for i in range(int(labels.max()) + 1))
    images = torch.zeros(len(labels), 3, 2, 2, dtype=torch.uint8)
    return ImageSplit(images, labels, names, tuple(map(str, range(len(labels)))), query)


def config(**transform):
    return {"dataset": {"root": "/data/birds", "transform": {"size": 16, **transform}}, "protocol": {"epochs": 3}}


def test_the_parts_are_counted():
    data = RunSplits(split([0, 0, 1, 1]), split([0, 0, 1]), split([0, 0, 1, 2]), DrawingTransforms(16), skipped=5)
    found = describe_data(config(normalize="published"), data)
    assert (found["test_images"], found["test_classes"], found["test_queries"], found["test_answered"]) == (4, 3, 4, 2)
    assert (found["train_images"], found["train_classes"]) == (4, 2)
    assert (found["select_images"], found["select_classes"], found["select_answered"]) == (3, 2, 2)
    assert (found["root"], found["split"], found["skipped_images"]) == ("birds", "test", 5)
    assert (found["image_size"], found["normalize"], found["passed_over"]) == (16, "published", "")


def test_parts_that_are_not_there_have_no_numbers():
    found = describe_data(config(), RunSplits(split([0, 0]), None, None, DrawingTransforms(16)))
    assert (found["split"], found["test_set"], found["test_images"], found["select_images"]) == ("", "", None, None)


@pytest.mark.parametrize(
    ("root", "name"), [(None, ""), ("/a/b.csv", "b.csv"), ("folder/", "folder"), ("/x/caf\udce9", "caf?")]
)
def test_of_a_root_its_name_alone_is_told(root, name):
    assert root_name({"root": root}) == name


def test_code_from_outside_and_versions():
    assert describe_code({"source.mine": "12ab", "source.also": "34cd", "graph.k": 3}) == "also 34cd, mine 12ab"
    assert "numpy " in describe_versions()
    assert describe_versions().startswith("python ")
