"""The transforms against the published pipeline, written with Pillow and plain arithmetic."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from torchvision.transforms import v2

from gnn_dml.data import PhotoTransforms
from gnn_dml.data.photos import FILL
from gnn_dml.prepare.scales import SCALES


def photograph(height, width, seed=0):
    """Smooth, as photographs are."""
    coarse = np.random.default_rng(seed).integers(0, 256, (6, 8, 3), dtype=np.uint8)
    return np.array(Image.fromarray(coarse).resize((width, height), Image.Resampling.BICUBIC))


def tensor(pixels):
    return torch.from_numpy(pixels.copy()).permute(2, 0, 1)


@pytest.mark.parametrize(("height", "width"), [(375, 500), (500, 375), (100, 80), (300, 300)])
def test_test_images_are_those_of_pillow(height, width):
    pixels = photograph(height, width)
    scale = 256 / min(height, width)
    shape = (256, int(256 * width / height)) if height <= width else (int(256 * height / width), 256)
    assert abs(shape[0] - height * scale) <= 1
    resized = np.array(Image.fromarray(pixels).resize(shape[::-1], Image.Resampling.BILINEAR))
    top, left = round((shape[0] - 227) / 2), round((shape[1] - 227) / 2)
    expected = resized[top : top + 227, left : left + 227]
    found = PhotoTransforms().evaluate(tensor(pixels)).permute(1, 2, 0).numpy()
    assert found.dtype == np.uint8
    assert np.abs(found.astype(int) - expected).max() <= 2


@pytest.mark.parametrize(
    ("name", "mean", "std"),
    [
        ("imagenet", (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)),
        ("published", (0.485, 0.456, 0.406), (0.299, 0.224, 0.225)),
        ("half", (0.5, 0.5, 0.5), (0.5, 0.5, 0.5)),
    ],
)
def test_normalisation(name, mean, std):
    batch = torch.randint(256, (2, 3, 4, 5)).to(torch.uint8)
    found = PhotoTransforms(normalize=name).finish(batch)
    assert found.dtype == torch.float32
    for channel in range(3):
        expected = (batch[:, channel].double() / 255 - mean[channel]) / std[channel]
        torch.testing.assert_close(found[:, channel].double(), expected, atol=1e-6, rtol=0)


def test_bn_inception_takes_blue_first_and_levels():
    batch = torch.randint(256, (2, 3, 4, 5)).to(torch.uint8)
    found = PhotoTransforms(normalize="bn_inception").finish(batch)
    for channel, (source, mean) in enumerate(((2, 104), (1, 117), (0, 128))):
        torch.testing.assert_close(found[:, channel], batch[:, source].float() - mean)


@pytest.mark.parametrize("name", list(SCALES))
def test_the_erased_rectangle_has_the_published_fill(name):
    """To half a level, after normalisation."""
    transforms = PhotoTransforms(32, 32, erase=1.0, normalize=name)
    image = torch.full((3, 60, 60), 255, dtype=torch.uint8)
    torch.manual_seed(0)
    for _ in range(20):
        seen = transforms.train(image)
        inside = (seen != 255).any(dim=0)
        assert 0.01 < inside.float().mean() < 0.45
        rows, columns = inside.nonzero().T
        assert inside[rows.min() : rows.max() + 1, columns.min() : columns.max() + 1].all()
        normal = transforms.finish(seen[None])[0][:, inside]
        half = torch.tensor([0.5 / (scale * SCALES[name].range) for scale in SCALES[name].std])
        assert ((normal - torch.tensor(FILL)[:, None]).abs() <= half[:, None] + 1e-5).all()


@given(height=st.integers(1, 90), width=st.integers(1, 90), size=st.integers(1, 40), seed=st.integers(0, 9))
@settings(deadline=None, max_examples=40)
def test_every_image_becomes_a_square_of_uint8(height, width, size, seed):
    transforms = PhotoTransforms(size, size + 5)
    image = tensor(np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8))
    for seen in (transforms.train(image), transforms.evaluate(image)):
        assert seen.shape == (3, size, size)
        assert seen.dtype == torch.uint8


def test_training_crops_keep_the_published_area_and_half_are_flipped():
    """A ramp from left to right says where a crop begins, ends and whether it was flipped."""
    ramp = torch.arange(200).to(torch.uint8).expand(3, 200, 200)
    transforms = PhotoTransforms(50, 50, erase=0.0)
    torch.manual_seed(0)
    crops = [transforms.train(ramp)[0, 0].float() for _ in range(400)]
    flipped = sum(bool(crop[0] > crop[-1]) for crop in crops)
    assert 150 < flipped < 250
    widths = [float((crop[0] - crop[-1]).abs()) for crop in crops]
    assert min(widths) < 100
    assert max(widths) > 180
    still = PhotoTransforms(50, 50, erase=0.0, flip=0.0, crop_scale=(1.0, 1.0))
    assert float(still.train(ramp)[0, 0, 0]) < float(still.train(ramp)[0, 0, -1])


def test_the_same_seed_gives_the_same_image():
    image = tensor(photograph(100, 120))
    seen = []
    for _ in range(2):
        torch.manual_seed(3)
        seen.append(PhotoTransforms(32, 32).train(image))
    assert torch.equal(*seen)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"size": 0}, "size must be at least 1 and at most resize=256, not 0"),
        ({"size": 300}, "at most resize=256, not 300"),
        ({"crop_scale": (0.5, 0.1)}, "crop_scale"),
        ({"crop_scale": (0.0, 1.0)}, "crop_scale"),
        ({"flip": 1.5}, "flip must be a probability from 0 to 1, not 1.5"),
        ({"erase": -1}, "erase must be"),
        ({"normalize": "caffe"}, "imagenet, published, bn_inception, half, not 'caffe'"),
    ],
)
def test_wrong_arguments_are_named(arguments, said):
    with pytest.raises(ValueError, match=said):
        PhotoTransforms(**arguments)


@pytest.mark.parametrize("shape", [(1, 30_000), (30_000, 1), (3, 9_001), (40, 8_000)])
def test_of_a_thin_image_the_middle_is_seen_and_no_more_is_made(shape):
    """The whole of it, resized, would have gigabytes; its middle is the same."""
    height, width = shape
    image = (torch.arange(height * width) % 251).to(torch.uint8).reshape(1, height, width).repeat(3, 1, 1)
    seen = PhotoTransforms(32, 36).evaluate(image)
    assert seen.shape == (3, 32, 32)
    short = min(shape)
    long = [max(shape) // 2 - 8 * short, max(shape) // 2 + 8 * short]
    middle = image[:, slice(*long) if height > width else slice(None), slice(*long) if width > height else slice(None)]
    expected = v2.CenterCrop(32)(v2.Resize(36, antialias=True)(middle))
    assert torch.equal(seen, expected) or max(shape) % 2
    assert PhotoTransforms(32, 36).train(image).shape == (3, 32, 32)


@given(height=st.integers(20, 60), width=st.integers(20, 60))
def test_any_other_image_is_seen_as_before(height, width):
    image = torch.randint(0, 256, (3, height, width), dtype=torch.uint8)
    expected = v2.CenterCrop(32)(v2.Resize(36, antialias=True)(image))
    assert torch.equal(PhotoTransforms(32, 36).evaluate(image), expected)
