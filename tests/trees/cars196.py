"""Cars196, with a real .mat file."""

from pathlib import Path

import numpy as np
from scipy.io import savemat

from ._images import Maker

ROW = {"graph": "complete", "layer": "published"}


def write(root, counts=None, same=False):
    """`counts`: images of each of the 196 classes; the default is 2."""
    counts = counts or [2] * 196
    make, number = Maker(root, same), 0
    rows = []
    for i in range(max(counts)):  # the classes are mixed, as in the archive
        for label, count in enumerate(counts, start=1):
            if i < count:
                number += 1
                path = f"car_ims/{number:06}.jpg"
                make(path, label)
                rows.append((path, 1, 2, 30, 20, label, i % 2))
    fields = ["relative_im_path", "bbox_x1", "bbox_y1", "bbox_x2", "bbox_y2", "class", "test"]
    if same:  # no boxes: each number of a structure is a matrix of its own to write
        fields, rows = [fields[0], *fields[5:]], [(row[0], *row[5:]) for row in rows]
    annotations = np.array([rows], dtype=[(name, object) for name in fields])
    names = np.array([[f"Make Model {label} 2012" for label in range(1, len(counts) + 1)]], dtype=object)
    savemat(Path(root) / "cars_annos.mat", {"annotations": annotations, "class_names": names})
    return Path(root)
