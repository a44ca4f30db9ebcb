"""A folder of one's own, with a folder per class."""

from pathlib import Path

from ._images import jpeg

ROW = {"graph": "complete", "layer": "published"}
SETTINGS = ["protocol.classes_per_batch=2", "protocol.images_per_class=2"]
"""What a run on so few images needs."""


def write(root, classes=8, images=4):
    """A folder per class."""
    for label in range(1, classes + 1):
        for i in range(images):
            jpeg(Path(root) / f"class {label}" / f"{i}.jpg", 1000 * label + i)
    return Path(root)
