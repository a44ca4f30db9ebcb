"""CUB-200-2011 as its archive lays it out."""

from pathlib import Path

from ._images import Maker

ROW = {"graph": "complete", "layer": "published", "selected_on": "val"}
"""What a run with the settings of the data set's YAML says in its row."""


def write(root, counts=None, same=False):
    """`counts`: images of each of the 200 classes; the default is 2."""
    counts = counts or [2] * 200
    top = Path(root) / "CUB_200_2011"
    make, number = Maker(top, same), 0
    images, labels, names, parts = [], [], [], []
    for label, count in enumerate(counts, start=1):
        folder = f"{label:03}.Bird_{label}"
        names.append(f"{label} {folder}")
        for i in range(count):
            number += 1
            path = f"{folder}/Bird_{label}_{i:04}_{number}.jpg"
            make(f"images/{path}", label)
            images.append(f"{number} {path}")
            labels.append(f"{number} {label}")
            parts.append(f"{number} {i % 2}")
    for name, lines in (
        ("images.txt", images),
        ("image_class_labels.txt", labels),
        ("classes.txt", names),
        ("train_test_split.txt", parts),
    ):
        (top / name).write_text("\n".join(lines) + "\n")
    return top
