"""Runs on a small data set that is hard enough for every figure to be between 0 and 1, made once for all tests here."""

import csv
import io
import zipfile

import numpy as np
import pytest
from PIL import Image

from gnn_dml.cli.main import main

SPLITS = {"train": 6, "val": 4, "test": 5}


@pytest.fixture(scope="session")
def noisy_archive(tmp_path_factory):
    """15 classes of 5 images: a class is a weak tint of its own in strong noise."""
    path = tmp_path_factory.mktemp("data") / "noisy.zip"
    rng = np.random.default_rng(0)
    names = [(split, label) for split, count in SPLITS.items() for label in range(count)]
    with zipfile.ZipFile(path, "w") as archive:
        rows = [["path", "label", "class_name", "split"]]
        for label, (split, _) in enumerate(names):
            tint = rng.uniform(-60, 60, 3)
            for i in range(5):
                pixels = 128 + tint + rng.normal(0, 60, 3) + rng.normal(0, 20, (64, 64, 3))
                image = io.BytesIO()
                Image.fromarray(pixels.clip(0, 255).astype(np.uint8)).save(image, "PNG", compress_level=1)
                archive.writestr(f"images/{label}/{i}.png", image.getvalue())
                rows.append([f"images/{label}/{i}.png", label, f"class {label}", split])
        index = io.StringIO()
        csv.writer(index).writerows(rows)
        archive.writestr("index.csv", index.getvalue())
    return path


def trained(folder, archive, *settings):
    """The folder of a run that takes a second."""
    small = ["backbone.width=4", "backbone.dim=16", "protocol.epochs=0", "protocol.neighbours=4", "device=cpu"]
    batches = ["protocol.classes_per_batch=4", "protocol.images_per_class=4", "pictures=false"]
    assert main(["train", f"dataset.root={archive}", f"out={folder}", *small, *batches, *settings]) == 0
    (result,) = folder.glob("single/*/result.json")
    return result.parent


@pytest.fixture(scope="session")
def run(noisy_archive, tmp_path_factory):
    """A run with a kNN graph."""
    settings = ["graph=knn", "graph.k=3", "seed=3", "protocol.epochs=2"]
    return trained(tmp_path_factory.mktemp("runs"), noisy_archive, *settings)


@pytest.fixture(scope="session")
def second_run(noisy_archive, tmp_path_factory):
    """Another one on the same images, untrained, with the complete graph."""
    return trained(tmp_path_factory.mktemp("runs"), noisy_archive, "seed=4", "backbone.dim=8")


@pytest.fixture(scope="session")
def plain_run(noisy_archive, tmp_path_factory):
    """One without a refiner, untrained."""
    return trained(tmp_path_factory.mktemp("runs"), noisy_archive, "graph=none", "seed=5")


@pytest.fixture
def program(capsys):
    """The program in this process: its exit code is checked; what it printed to one of the two outputs comes back."""

    def call(*arguments, code=0):
        capsys.readouterr()
        assert main([str(argument) for argument in arguments]) == code
        shown = capsys.readouterr()
        assert "Traceback" not in shown.err
        if code:
            assert shown.err.count("\n") == 1, shown.err
            assert shown.err.startswith(f"gnn-dml {arguments[0]}: ")
        return shown.err if code else shown.out

    return call
