"""How images of another data set are seen by a run, worked out without torch."""

import subprocess
import sys

import pytest

from gnn_dml.config.transfer import normalization_settings
from gnn_dml.data import DrawingTransforms, PhotoTransforms

SCRIPT = """
import sys
from gnn_dml.config.transfer import normalization_settings
print(normalization_settings({"size": 64}, "imagenet")["mean"], "torch" in sys.modules)
"""


def test_it_loads_no_torch():
    done = subprocess.run([sys.executable, "-c", SCRIPT], capture_output=True, text=True, check=True)
    assert done.stdout.split("] ") == ["[0.485, 0.456, 0.406", "False\n"]


@pytest.mark.parametrize("normalize", ["half", "imagenet", "published"])
def test_drawings_are_normalised_as_photographs_are(normalize):
    import torch

    drawings = DrawingTransforms(16, **normalization_settings({"size": 16}, normalize))
    images = torch.arange(3 * 16 * 16).reshape(1, 3, 16, 16).to(torch.uint8)
    expected = PhotoTransforms(16, 16, normalize=normalize).finish(images)
    assert torch.allclose(drawings.finish(images), expected, atol=1e-6)
