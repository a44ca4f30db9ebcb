"""Any folder of images: a folder per class."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from pathlib import Path

from gnn_dml.data.found import Found, PassedOver
from gnn_dml.data.images import BOTH, ROLES, ImageDataset, roles_needed
from gnn_dml.data.layout import find_splits
from gnn_dml.data.records import Record, make_dataset
from gnn_dml.errors import UserError
from gnn_dml.prepare.formats import image_suffixes, is_image_name, why_no_image
from gnn_dml.prepare.look import is_folder
from gnn_dml.prepare.walk import list_folder, walk

BESIDE = "images beside the class folders"
EMPTY = "class folders without images"
AGAIN = "links to images that are there already"


def read_folder(
    root: str | Path, *, test_share: float = 0.5, need: Collection[str] = BOTH, labelled: bool = True
) -> ImageDataset:
    """Read images whose folder is their class.

    Either `root` holds a folder per class; the last half of the classes, in natural order ("class 2" before "class
    10"), is then for testing, as in the usual benchmarks. Or it holds the folders `train` and `test` (perhaps `val`;
    `query` and `gallery` in the place of `test`), in any usual spelling, which hold a folder per class.

    Images lie anywhere below the folder of their class, links are followed. They are known by their suffix; what is
    passed over is counted in `ImageDataset.found`.

    Args:
        root: The folder.
        test_share: Of the classes, where the folder names no splits.
        need: Splits that have to be there, "train" or "test"; the others are not read where they have folders of
            their own.
        labelled: Whether images have to lie in class folders. If not, images directly in `root` or in the folder of a
            split are images without a label, whose class is "".

    Raises:
        UserError: If there is no such folder, or one in it cannot be listed; if folders of splits stand beside others;
            if images lie where class folders are expected; if there are fewer than two classes, or none in a split
            that is needed; if a class is in training and in test, or an image in two classes.
    """
    folder, where = Path(root), f"dataset.root={root}"
    if not is_folder(folder):
        raise UserError(f"{where} must be a folder with a folder per class")
    reading = _Reading(folder, where, labelled)
    tops = _list_folders(folder, "", reading.passed)
    splits = find_splits([name for name in tops if name], where)
    if splits:
        roles = roles_needed(need)
        records = [
            record
            for role in ROLES
            if role in splits and role in roles
            for record in reading.read_split(splits[role], role)
        ]
        shown = ", ".join(f"{splits[role]}/ for {role}" for role in ROLES if role in splits)
        reading.count_beside("")
        layout = f"{shown}, with a folder per class in each"
    elif not labelled and reading.images_in(""):
        records, layout = reading.read_unlabelled("", "test"), "images without labels"
    else:
        records = reading.read_classes(tops, test_share)
        layout = reading.layout
    if not records:
        raise UserError(f"{where} holds no images in folders{reading.describe()}")
    return make_dataset(folder, records, where, need=need, labelled=labelled, found=Found(layout, reading.passed))


class _Reading:
    """A folder while it is read.

    Args:
        folder: The root.
        where: For messages.
        labelled: See `read_folder`.
    """

    def __init__(self, folder: Path, where: str, labelled: bool) -> None:
        self.folder = folder
        self.where = where
        self.labelled = labelled
        self.passed = PassedOver()
        self.layout = ""
        self._seen: dict[str, Record] = {}

    def read_classes(self, labels: Sequence[str], test_share: float) -> list[Record]:
        """The images of a root that holds a folder per class."""
        found = {label: self.read_class(label, label) for label in labels}
        full = [label for label in labels if found[label]]
        self.count_beside("")
        if not self.labelled and len(full) == 1:
            roles = dict.fromkeys(full, "test")
        else:
            if len(full) < 2:
                self._explain(labels, full)
            roles = assign_roles(full, test_share, self.where)
        test = sum(role == "test" for role in roles.values())
        self.layout = f"a folder per class, of which the last {test} of {len(full)} are for testing"
        return [record._replace(role=roles[label]) for label in full for record in found[label]]

    def read_split(self, top: str, role: str) -> list[Record]:
        """The images of a folder that stands for a role and holds a folder per class."""
        labels = _list_folders(self.folder / top, f"{top}/", self.passed)
        loose = self.images_in(top)
        if loose and not self.labelled:
            return self.read_unlabelled(top, role)
        records = [record for label in labels for record in self.read_class(f"{top}/{label}", label, role)]
        if loose and not records:
            raise UserError(
                f"{self.where}: {len(loose)} images lie directly in {top}/, and a folder per class is expected there: "
                f"{top}/CLASS/{Path(loose[0]).name}"
            )
        self.count_beside(top)
        return records

    def read_class(self, below: str, label: str, role: str = "train") -> list[Record]:
        """The images anywhere below a folder, in natural order."""
        records = self._keep_new(
            [
                (Record(found.name, label, role), found.real)
                for found in walk(self.folder, below, pass_over=self.passed.add)
                if self._is_image(found.name)
            ]
        )
        if not records:
            self.passed.add(below, EMPTY)
        return records

    def read_unlabelled(self, below: str, role: str) -> list[Record]:
        """All images below a folder, without a label."""
        found = [
            (Record(one.name, "", role), one.real)
            for one in walk(self.folder, below, pass_over=self.passed.add)
            if self._is_image(one.name)
        ]
        return self._keep_new(found)

    def images_in(self, below: str) -> list[str]:
        """The names of the images that lie directly in a folder."""
        names = [entry.name for entry in list_folder(self.folder / below).files if is_image_name(entry.name)]
        return sorted(f"{below}/{name}" if below else name for name in names)

    def count_beside(self, below: str) -> None:
        """Count what lies beside folders of classes or splits."""
        prefix = f"{below}/" if below else ""
        for entry in list_folder(self.folder / below).files:
            name = prefix + entry.name
            self.passed.add(name, BESIDE if is_image_name(entry.name) else why_no_image(entry.name))

    def describe(self) -> str:
        """What was passed over, for the end of a message."""
        counts = ", ".join(f"{count} ({reason})" for reason, count in self.passed.items())
        return f"; passed over: {counts}" if counts else f"; suffixes are {', '.join(image_suffixes())}"

    def _is_image(self, name: str) -> bool:
        base = name.rpartition("/")[2]
        if is_image_name(base):
            return True
        self.passed.add(name, why_no_image(base))
        return False

    def _keep_new(self, found: Sequence[tuple[Record, str]]) -> list[Record]:
        """In natural order, without images that a link leads to a second time."""
        kept = []
        for record, real in sorted(found, key=lambda one: (natural_key(one[0].path), one[0].path)):
            first = self._seen.setdefault(real, record)
            if first is record:
                kept.append(record)
            elif first.label == record.label and first.role == record.role:
                self.passed.add(record.path, AGAIN)
            else:
                raise UserError(f"{self.where}: {record.path} and {first.path} are one image by a link")
        return kept

    def _explain(self, labels: Sequence[str], full: Sequence[str]) -> None:
        """Say what is there instead, where there are too few classes.

        Raises:
            UserError: If that is something that people often have.
        """
        loose = self.images_in("")
        if loose and not full:
            raise UserError(
                f"{self.where}: {len(loose)} images lie directly in it, and a folder per class is expected: "
                f"CLASS/{loose[0]}"
            )
        inner = _list_folders(self.folder / labels[0], "", PassedOver()) if len(labels) == 1 else []
        if len(inner) > 1:
            raise UserError(
                f"{self.where} holds the single folder {labels[0]}, with {len(inner)} folders in it: is "
                f"dataset.root={self.folder / labels[0]} meant?"
            )
        if not full and self.passed:
            raise UserError(f"{self.where} has 0 classes with images{self.describe()}")


def assign_roles(labels: list[str], test_share: float, where: str) -> dict[str, str]:
    """Train or test for each class, the last ones test; at least one class each.

    Raises:
        UserError: If there are fewer than two classes, or the share is out of range.
    """
    if not 0 < test_share < 1:
        raise UserError(f"dataset.test_share must be above 0 and below 1, not {test_share}")
    if len(labels) < 2:
        count = "1 class" if labels else "0 classes"
        raise UserError(
            f"{where} has {count} with images, and 2 or more are needed: to train and to test (embed and search take "
            "images of one class, or of none)"
        )
    test = min(len(labels) - 1, max(1, round(test_share * len(labels))))
    return {label: "train" if i < len(labels) - test else "test" for i, label in enumerate(labels)}


def natural_key(name: str) -> list[tuple[int, int, str]]:
    """A key under which numbers inside names go by their value."""
    parts = re.findall(r"\d+|\D+", name)
    return [(0, int(part), "") if part.isdecimal() else (1, 0, part) for part in parts]


def _list_folders(folder: Path, prefix: str, passed: PassedOver) -> list[str]:
    """The names of the folders inside, in natural order."""
    names = [entry.name for entry in list_folder(folder, prefix, pass_over=passed.add).folders]
    return sorted(names, key=lambda name: (natural_key(name), name))
