"""One thread for each process, and a tiny data set in the format of the embedded one, for tests that train."""

import csv
import importlib.util
import io
import os
import zipfile
from pathlib import Path

# Tests run side by side, and threads that wait for a core of their own take it from the others. Read when numpy and
# torch are loaded, here and in every process that a test starts.
os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
import pytest
from hypothesis import settings
from PIL import Image

settings.register_profile("untimed", deadline=None)
settings.load_profile("untimed")

SPLITS = {"train": 8, "val": 4, "test": 5}


@pytest.fixture(scope="session")
def tiny_archive(tmp_path_factory):
    """17 classes of 5 images: a class is a coloured square at a place of its own, an image is that with noise."""
    path = tmp_path_factory.mktemp("data") / "tiny.zip"
    rng = np.random.default_rng(0)
    buffer = io.StringIO()
    writer = csv.writer(buffer)
    writer.writerow(["path", "label", "class_name", "split", "vendor", "codepoints", "group", "subgroup"])
    with zipfile.ZipFile(path, "w") as archive:
        label = 0
        for split, classes in SPLITS.items():
            for _ in range(classes):
                left, top = rng.integers(0, 40, size=2)
                colour = rng.integers(0, 200, size=3)
                for vendor in range(5):
                    pixels = np.full((64, 64, 3), 255, dtype=np.int64)
                    pixels[top : top + 20, left : left + 20] = colour
                    pixels -= rng.integers(0, 40, size=pixels.shape)
                    image = io.BytesIO()
                    Image.fromarray(pixels.clip(0, 255).astype(np.uint8)).save(image, "PNG")
                    member = f"images/{label:03}/{vendor}.png"
                    archive.writestr(member, image.getvalue())
                    writer.writerow([member, label, f"class {label}", split, vendor, f"{label:03}", "g", f"s{label}"])
                label += 1
        archive.writestr("index.csv", buffer.getvalue())
    return path


@pytest.fixture
def tiny_settings(tiny_archive, tmp_path):
    """Settings that train on it in a second."""
    return [
        f"dataset.root={tiny_archive}",
        f"out={tmp_path / 'runs'}",
        "backbone.width=4",
        "backbone.dim=16",
        "protocol.epochs=2",
        "protocol.classes_per_batch=4",
        "protocol.images_per_class=4",
        "protocol.neighbours=4",
        "device=cpu",
    ]


@pytest.fixture(scope="session")
def trees():
    """The module beside this file that writes trees in the layout of the benchmarks."""
    return _beside("trees")


@pytest.fixture(scope="session")
def published_weights():
    """The module beside this file that makes weights under the published names."""
    return _beside("published")


def _beside(name):
    spec = importlib.util.spec_from_file_location(name, Path(__file__).with_name(f"{name}.py"))
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
