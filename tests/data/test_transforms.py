import pytest
import torch

from gnn_dml.data import DrawingTransforms


def image():
    return torch.randint(0, 256, (3, 64, 64), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))


def test_evaluation_only_rescales_the_values():
    transforms = DrawingTransforms(mean=(0.1, 0.2, 0.3), std=(0.5, 0.6, 0.7))
    found = transforms.finish(transforms.evaluate(image())[None])[0]
    expected = (image().double() / 255 - torch.tensor([0.1, 0.2, 0.3])[:, None, None]) / torch.tensor([0.5, 0.6, 0.7])[
        :, None, None
    ]
    torch.testing.assert_close(found.double(), expected, atol=1e-6, rtol=0)


def test_every_size_becomes_the_wanted_one():
    transforms = DrawingTransforms(32)
    assert transforms.train(image()).shape == transforms.evaluate(image()).shape == (3, 32, 32)


@pytest.mark.parametrize("share", [0.0, 1.0])
def test_grey(share):
    torch.manual_seed(0)
    seen = DrawingTransforms(crop_scale=(1.0, 1.0), grey=share).train(image())
    assert bool((seen[0] == seen[1]).all()) == (share == 1.0)


def test_drawings_are_never_mirrored():
    """A dark left half stays on the left, whatever the crop."""
    arrow = torch.full((3, 64, 64), 255, dtype=torch.uint8)
    arrow[:, :, :32] = 0
    transforms = DrawingTransforms(crop_scale=(0.5, 1.0), grey=0.5)
    for seed in range(50):
        torch.manual_seed(seed)
        seen = transforms.train(arrow).float()
        assert seen[:, :, :16].mean() < seen[:, :, -16:].mean()
