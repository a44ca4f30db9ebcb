"""A small file in the format of the embedded data."""

import csv
import io
import zipfile
from pathlib import Path

import numpy as np
from PIL import Image

SPLITS = {"train": 8, "val": 4, "test": 5}
ROW = {"graph": "complete", "layer": "dot_product"}
SETTINGS = ["protocol.classes_per_batch=3", "protocol.images_per_class=2"]


def write(root):
    """17 classes of 5 images: a class is a coloured square at a place of its own, an image is that with noise."""
    path = Path(root) / "tiny.zip"
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
        archive.writestr("LICENSES.md", "# Nobody's drawings\n")
    return path
