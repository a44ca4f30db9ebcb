"""The published rectangle, against the same draws written with Python's own random numbers."""

import math
import random

import pytest
import torch

from gnn_dml.data import PhotoTransforms
from gnn_dml.data.erasing import UniformErasing


def published_sides(generator, height, width):
    """Draw area and aspect until a rectangle fits strictly inside."""
    while True:
        area = generator.uniform(0.02, 0.4) * height * width
        aspect = generator.uniform(0.3, 1 / 0.3)
        h, w = round(math.sqrt(area * aspect)), round(math.sqrt(area / aspect))
        if h < height and w < width:
            return h, w


def drawn(erasing, height, width):
    """Sides and corner of one erased rectangle."""
    erased = (erasing(torch.zeros(3, height, width, dtype=torch.uint8)) != 0).all(dim=0)
    rows, columns = erased.nonzero().T
    top, left = int(rows.min()), int(columns.min())
    h, w = int(rows.max()) + 1 - top, int(columns.max()) + 1 - left
    assert erased.sum() == h * w
    return h, w, top, left


def test_sides_are_drawn_as_published():
    torch.manual_seed(0)
    erasing, generator, draws = UniformErasing(1.0, (7, 8, 9)), random.Random(0), 1500
    ours = torch.tensor([drawn(erasing, 40, 60)[:2] for _ in range(draws)]).double()
    theirs = torch.tensor([published_sides(generator, 40, 60) for _ in range(draws)]).double()
    assert (ours[:, 0] < 40).all()
    assert (ours[:, 1] < 60).all()
    for found, expected in zip(ours.T, theirs.T, strict=True):
        assert found.mean().item() == pytest.approx(expected.mean().item(), rel=0.05)
        assert found.std().item() == pytest.approx(expected.std().item(), rel=0.1)
    standing, expected_share = ((sides[:, 0] > sides[:, 1]).double().mean().item() for sides in (ours, theirs))
    assert standing == pytest.approx(expected_share, abs=0.05)
    assert standing > 0.6  # evenly on a logarithmic scale it would be a half


def test_every_place_can_be_erased_in_its_own_colours():
    torch.manual_seed(0)
    erasing = UniformErasing(1.0, (7, 8, 9))
    places = [drawn(erasing, 12, 12) for _ in range(400)]
    assert any(top == 0 for _, _, top, _ in places)
    assert any(left == 0 for _, _, _, left in places)
    assert any(top + h == 12 for h, _, top, _ in places)
    assert any(left + w == 12 for _, w, _, left in places)
    image = torch.zeros(3, 12, 12, dtype=torch.uint8)
    assert erasing(image).flatten(1).amax(dim=1).tolist() == [7, 8, 9]
    assert not image.any()


def test_half_of_the_images_are_erased():
    torch.manual_seed(0)
    erasing, image = UniformErasing(0.5, (1, 1, 1)), torch.zeros(3, 8, 8, dtype=torch.uint8)
    share = sum(bool(erasing(image).any()) for _ in range(1000)) / 1000
    assert share == pytest.approx(0.5, abs=0.05)


def test_an_image_too_small_for_any_rectangle_stays():
    assert not UniformErasing(1.0, (1, 1, 1))(torch.zeros(3, 1, 1, dtype=torch.uint8)).any()


def test_the_transforms_take_it_by_name():
    kinds = [type(step).__name__ for step in PhotoTransforms(erasing="uniform").train.transforms]
    assert kinds[-1] == "UniformErasing"
    with pytest.raises(ValueError, match="erasing must be one of torchvision, uniform, not 'log'"):
        PhotoTransforms(erasing="log")
