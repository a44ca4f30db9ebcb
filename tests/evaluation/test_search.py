"""Search among images that are placed by hand: ties, the image itself, and how many there can be."""

import pytest
import torch

from gnn_dml.data import DrawingTransforms, ImageSplit
from gnn_dml.errors import UserError
from gnn_dml.evaluation.ensemble import Member
from gnn_dml.evaluation.neighbour_picture import neighbour_arrays
from gnn_dml.evaluation.neighbourhoods import NearestNeighbourhoods
from gnn_dml.evaluation.search import Queries, find_neighbours, read_queries
from gnn_dml.models import PixelEmbedder
from gnn_dml.training.learner import Learner


def flat(*levels):
    """Images of one colour each, red and green given; pixels are their embeddings."""
    images = torch.full((len(levels), 3, 8, 8), 128, dtype=torch.uint8)
    for image, (red, green) in zip(images, levels, strict=True):
        image[0], image[1] = red, green
    return images


def split(images, query=None):
    names = tuple(f"{i}.png" for i in range(len(images)))
    return ImageSplit(images, torch.arange(len(images)) % 2, ("even", "odd"), names, query)


def find(data, asked, k):
    member = Member("pixels", Learner(PixelEmbedder()).eval(), data, DrawingTransforms(8), NearestNeighbourhoods(2))
    return find_neighbours(member, asked, torch.device("cpu"), k=k)


DATA = split(flat((255, 0), (200, 0), (0, 255), (200, 0), (0, 0)))


def test_the_nearest_come_first_and_ties_go_to_the_first():
    outside = Queries(["x"], [flat((201, 0))[0]], [None])
    found = find(DATA, outside, 4)
    assert found.places[0, :2].tolist() == [1, 3]
    assert found.similarity[0, 0] == found.similarity[0, 1]
    assert (found.similarity[0].diff() <= 0).all()


def test_an_image_of_the_split_does_not_find_itself():
    found = find(DATA, read_queries(["1.png", "2.png"], DATA), 99)
    assert found.places.shape == (2, 4)
    assert found.places[0, 0] == 3
    assert 1 not in found.places[0]
    assert 2 not in found.places[1]


def test_only_the_gallery_is_found():
    data = split(DATA.images, query=torch.tensor([False, True, False, False, True]))
    found = find(data, read_queries(["1.png", "3.png"], data), 99)
    assert found.places[0].tolist()[0] == 3
    assert set(found.places.flatten().tolist()) <= {0, 2, 3}
    assert found.places.shape == (2, 2)  # one of the two is of the gallery, which has two others


def test_one_image_has_nothing_to_find():
    with pytest.raises(UserError, match="there is no other image to find"):
        find(split(DATA.images[:1]), read_queries(["0.png"], split(DATA.images[:1])), 3)


def test_a_name_that_is_nowhere_is_refused():
    with pytest.raises(UserError, match=r"9\.png is no image file.*names there are like 0\.png"):
        read_queries(["9.png"], DATA)


def test_the_picture_says_what_is_right_where_that_is_known():
    asked = Queries(["0.png", "some/where/x.jpg"], [DATA.images[0], flat((0, 250))[0]], [0, None])
    found = find(DATA, asked, 2)
    shown = neighbour_arrays(asked, found, DATA, DrawingTransforms(8).evaluate)
    assert shown["known"].tolist() == [True, False]
    assert shown["correct"][0].tolist() == [int(i) % 2 == 0 for i in found.places[0]]
    assert shown["query_names"].tolist() == ["even", "x.jpg"]
    assert shown["neighbour_names"][1].tolist() == [("even", "odd")[int(i) % 2] for i in found.places[1]]
    assert (shown["neighbour_images"][1, 0] == DATA.images[found.places[1, 0]].permute(1, 2, 0).numpy()).all()
