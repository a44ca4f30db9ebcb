"""Stanford Online Products as its archive lays it out."""

from pathlib import Path

from ._images import Maker

ROW = {"graph": "none", "layer": ""}


def write(root, train=None, test=None, same=False):
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
