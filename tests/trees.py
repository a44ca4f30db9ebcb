"""Small trees in the exact layout of the benchmarks' archives, with real JPEGs and a real .mat file."""

import os
from pathlib import Path

import numpy as np
from PIL import Image
from scipy.io import savemat


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

    def __call__(self, path, label):
        path = self.root / path
        if not self.same:
            jpeg(path, 1000 * label + self.made % 1000)
        elif self.made % 30000 == 0:
            jpeg(path, self.made)
            self.first = path
        else:
            path.parent.mkdir(parents=True, exist_ok=True)
            os.link(self.first, path)
        self.made += 1


def spread(images, classes):
    """How many images each of some classes gets, as evenly as possible."""
    return [images // classes + (i < images % classes) for i in range(classes)]


def write_cub(root, counts=None, same=False):
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


def write_cars196(root, counts=None, same=False):
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
    annotations = np.array([rows], dtype=[(name, object) for name in fields])
    names = np.array([[f"Make Model {label} 2012" for label in range(1, len(counts) + 1)]], dtype=object)
    savemat(Path(root) / "cars_annos.mat", {"annotations": annotations, "class_names": names})
    return Path(root)


def write_sop(root, train=None, test=None, same=False):
    """`train` and `test`: images of each class; the default is 20 classes of 3 and 20 of 3."""
    top = Path(root) / "Stanford_Online_Products"
    make, number, label = Maker(top, same), 0, 0
    everything = []
    for part, counts in (("train", train or [3] * 20), ("test", test or [3] * 20)):
        lines = []
        for count in counts:
            label += 1
            for i in range(count):
                number += 1
                path = f"{('bicycle', 'chair')[label % 2]}_final/{111000000000 + label}_{i}.JPG"
                make(path, label)
                lines.append(f"{number} {label} {1 + label % 2} {path}")
        everything += lines
        (top / f"Ebay_{part}.txt").write_text("\n".join(["image_id class_id super_class_id path", *lines]) + "\n")
    (top / "Ebay_info.txt").write_text("\n".join(["image_id class_id super_class_id path", *everything]) + "\n")
    return top


def write_inshop(root, train=None, query=None, gallery=None, same=False):
    """Images of each item, training items first; the default is 20 items of 3, then 20 of 1 query and 2 gallery."""
    train, query, gallery = train or [3] * 20, query or [1] * 20, gallery or [2] * 20
    make, lines = Maker(Path(root), same), []
    items = [{"train": count} for count in train]
    items += [{"query": q, "gallery": g} for q, g in zip(query, gallery, strict=True)]
    for item, parts in enumerate(items, start=1):
        shot = 0
        for status, count in parts.items():
            for _ in range(count):
                shot += 1
                path = f"img/WOMEN/Dresses/id_{item:08}/{shot:02}_1_front.jpg"
                make(f"Img/{path}", item)
                lines.append(f"{path:<60} id_{item:08} {status}")
    (Path(root) / "Eval").mkdir(exist_ok=True)
    head = [str(len(lines)), "image_name item_id evaluation_status"]
    (Path(root) / "Eval" / "list_eval_partition.txt").write_text("\n".join([*head, *lines]) + "\n")
    return Path(root)


def write_folder(root, classes=8, images=4):
    """A folder per class."""
    for label in range(1, classes + 1):
        for i in range(images):
            jpeg(Path(root) / f"class {label}" / f"{i}.jpg", 1000 * label + i)
    return Path(root)
