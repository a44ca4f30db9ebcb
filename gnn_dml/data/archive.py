"""The embedded emoji data set, or another file of the same format, as an `ImageDataset`."""

from __future__ import annotations

import csv
import io
import zipfile
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from gnn_dml.data.emoji.verify import CANNOT_READ
from gnn_dml.data.images import SPLITS, ImageSplit
from gnn_dml.errors import UserError


def embedded_emoji() -> Path:
    """The embedded data file: inside an installed package, or in the top-level `datasets` of a checkout."""
    package = Path(__file__).resolve().parent.parent
    candidates = (
        package / "embedded" / "emoji" / "emoji.zip",
        package.parent / "datasets" / "emoji" / "emoji.zip",
    )
    for path in candidates:
        if path.is_file():
            return path
    raise UserError(f"the embedded emoji data are missing from this installation; looked at {candidates[0]}")


class EmojiDataset:
    """Emoji drawn by several vendors; a class is an emoji, an image is one vendor's drawing.

    Args:
        root: A zip file written by `gnn-dml data prepare emoji`; None is the embedded one.

    Raises:
        UserError: If the file is missing or is not of that format.
    """

    def __init__(self, root: str | Path | None = None) -> None:
        self.path = embedded_emoji() if root is None else Path(root)
        if not self.path.is_file():
            raise UserError(f"dataset.root must be an emoji.zip, and there is no file {self.path}")
        try:
            with zipfile.ZipFile(self.path) as archive:
                text = archive.read("index.csv").decode("utf-8")
        except (zipfile.BadZipFile, KeyError, OSError, ValueError) as error:
            raise UserError(f"{self.path} is no emoji archive: {error}") from error
        self.rows = list(csv.DictReader(io.StringIO(text)))
        lacking = [name for name in ("path", "label", "class_name", "split") if name not in (self.rows or [{}])[0]]
        if lacking:
            raise UserError(f"{self.path} is no emoji archive: its index.csv lacks {', '.join(lacking)}")

    def split(self, name: str) -> ImageSplit:
        """Decode the images of one split.

        Raises:
            UserError: If the split is unknown or empty, or an image cannot be read; the message names it.
        """
        rows = [row for row in self.rows if row["split"] == name]
        if not rows:
            raise UserError(f"{self.path} has no images in the split {name!r}; splits are {', '.join(SPLITS)}")
        originals = sorted({int(row["label"]) for row in rows})
        label = {original: i for i, original in enumerate(originals)}
        names = {label[int(row["label"])]: row["class_name"] for row in rows}
        with zipfile.ZipFile(self.path) as archive:
            pixels = [self._decode(archive, row["path"]) for row in rows]
        return ImageSplit(
            images=torch.from_numpy(np.stack(pixels)).permute(0, 3, 1, 2).contiguous(),
            labels=torch.tensor([label[int(row["label"])] for row in rows]),
            class_names=tuple(names[i] for i in range(len(names))),
            image_names=tuple(row["path"] for row in rows),
        )

    def _decode(self, archive: zipfile.ZipFile, member: str) -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
        try:
            with Image.open(io.BytesIO(archive.read(member))) as image:
                return np.asarray(image.convert("RGB"))
        except CANNOT_READ as error:
            raise UserError(f"{self.path}: cannot read the image {member}: {error}") from error
