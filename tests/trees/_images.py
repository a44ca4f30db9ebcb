"""Real JPEGs, a few or as many as published."""

import os
from pathlib import Path

import numpy as np
from PIL import Image


def jpeg(path, seed, size=(40, 32)):
    """A photograph of one class: its own colour with noise."""
    path.parent.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(seed)
    colour = np.random.default_rng(seed // 1000).integers(40, 216, 3)
    pixels = colour + rng.integers(-30, 30, (size[1], size[0], 3))
    Image.fromarray(pixels.clip(0, 255).astype(np.uint8)).save(path, quality=90)


class Maker:
    """Writes images, or with `same` hard links to a few of them, which is quick for the published numbers."""

    def __init__(self, root, same):
        self.root = Path(root)
        self.same = same
        self.made = 0
        self.folders = set()

    def __call__(self, path, label):
        if not self.same:
            jpeg(self.root / path, 1000 * label + self.made % 1000)
        elif self.made % 30000 == 0:
            jpeg(self.root / path, self.made)
            self.first = str(self.root / path)
        else:
            folder, _ = os.path.split(path)
            if folder not in self.folders:
                (self.root / folder).mkdir(parents=True, exist_ok=True)
                self.folders.add(folder)
            os.link(self.first, f"{self.root}/{path}")
        self.made += 1


def spread(images, classes):
    """How many images each of some classes gets, as evenly as possible."""
    return [images // classes + (i < images % classes) for i in range(classes)]
