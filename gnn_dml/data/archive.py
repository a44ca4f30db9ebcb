"""The embedded emoji data set, or another file of the same format, as an `ImageDataset`."""

from __future__ import annotations

import csv
import io
import zipfile
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from gnn_dml.data.images import SPLITS, ImageDataset
from gnn_dml.errors import UserError
from gnn_dml.prepare.embedded import find_embedded
from gnn_dml.prepare.emoji.verify import CANNOT_READ


def emoji_archive(root: str | Path | None = None) -> ImageDataset:
    """Emoji drawn by several vendors, decoded into memory; a class is an emoji, an image is one vendor's drawing.

    Args:
        root: A zip file written by `gnn-dml data prepare emoji`; None is the embedded one.

    Raises:
        UserError: If the file is missing or is not of that format, or an image cannot be read; the message names it.
    """
    path = find_embedded("emoji", "emoji.zip") if root is None else Path(root)
    if not path.is_file():
        raise UserError(f"dataset.root must be an emoji.zip, and there is no file {path}")
    try:
        with zipfile.ZipFile(path) as archive:
            rows = list(csv.DictReader(io.StringIO(archive.read("index.csv").decode("utf-8"))))
            lacking = [name for name in ("path", "label", "class_name", "split") if name not in (rows or [{}])[0]]
            if lacking:
                raise UserError(f"{path} is no emoji archive: its index.csv lacks {', '.join(lacking)}")
            pixels = [_decode(path, archive, row["path"]) for row in rows]
    except (zipfile.BadZipFile, KeyError, OSError, UnicodeDecodeError) as error:
        raise UserError(f"{path} is no emoji archive: {error}") from error
    strange = sorted({row["split"] for row in rows} - set(SPLITS))
    if strange:
        raise UserError(
            f"{path} is no emoji archive: its index.csv has the split {strange[0]!r}, not {', '.join(SPLITS)}"
        )
    originals = sorted({int(row["label"]) for row in rows})
    label = {original: i for i, original in enumerate(originals)}
    names = {label[int(row["label"])]: row["class_name"] for row in rows}
    return ImageDataset(
        images=torch.from_numpy(np.stack(pixels)).permute(0, 3, 1, 2).contiguous(),
        labels=torch.tensor([label[int(row["label"])] for row in rows]),
        class_names=tuple(names[i] for i in range(len(names))),
        image_names=tuple(row["path"] for row in rows),
        roles=tuple(row["split"] for row in rows),
    )


EmojiDataset = emoji_archive
"""The name in the configuration of checkpoints of version 0.2 and before."""


def _decode(path: Path, archive: zipfile.ZipFile, member: str) -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
    try:
        with Image.open(io.BytesIO(archive.read(member))) as image:
            return np.asarray(image.convert("RGB"))
    except CANNOT_READ as error:
        raise UserError(f"{path}: cannot read the image {member}: {error}") from error
