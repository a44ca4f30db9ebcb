"""The embedded emoji data set, or another file of the same format, as an `ImageDataset`."""

from __future__ import annotations

import zipfile
from collections import Counter
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from gnn_dml.data.images import SPLITS, ImageDataset
from gnn_dml.errors import UserError
from gnn_dml.prepare.embedded import find_embedded
from gnn_dml.prepare.emoji.read import LARGEST_TEXT, LARGEST_WHOLE, open_archive, read_member, read_pixels
from gnn_dml.prepare.lists import decode_text, parse_csv
from gnn_dml.prepare.look import is_file

COLUMNS = ("path", "label", "class_name", "split")


def emoji_archive(root: str | Path | None = None) -> ImageDataset:
    """Emoji drawn by several vendors, decoded into memory; a class is an emoji, an image is one vendor's drawing.

    Args:
        root: A zip file written by `gnn-dml data prepare emoji`; None is the embedded one.

    Raises:
        UserError: If the file is missing or is not of that format, or an image cannot be read; the message names it.
    """
    path = find_embedded("emoji", "emoji.zip") if root is None else Path(root)
    if not is_file(path):
        raise UserError(f"dataset.root must be an emoji.zip, and there is no file {path}")
    try:
        with open_archive(path) as archive:
            text = decode_text(read_member(archive, "index.csv", LARGEST_TEXT), "index.csv")
            rows = [row for _, row in parse_csv(text, "index.csv", required=COLUMNS).rows]
            _check(rows)
            images = _decode(archive, [row["path"] for row in rows])
    except UserError as error:
        raise UserError(f"{path} is no emoji archive: {error}") from error
    originals = sorted({int(row["label"]) for row in rows})
    label = {original: i for i, original in enumerate(originals)}
    names = {label[int(row["label"])]: row["class_name"] for row in rows}
    return ImageDataset(
        images=images,
        labels=torch.tensor([label[int(row["label"])] for row in rows]),
        class_names=tuple(names[i] for i in range(len(names))),
        image_names=tuple(row["path"] for row in rows),
        roles=tuple(row["split"] for row in rows),
    )


EmojiDataset = emoji_archive
"""The name in the configuration of checkpoints of version 0.2 and before."""


def _check(rows: list[dict[str, str]]) -> None:
    """Refuse an index that no data set can be made of.

    Raises:
        UserError: Saying what is wrong with it.
    """
    if not rows:
        raise UserError("its index.csv lists no images")
    strange = sorted({row["split"] for row in rows} - set(SPLITS))
    if strange:
        raise UserError(f"its index.csv has the split {strange[0]!r}, not {', '.join(SPLITS)}")
    for row in rows:
        if not row["label"].isdecimal() or len(row["label"]) > 9:
            raise UserError(f"its index.csv has the label {row['label'][:40]!r}, which is no whole number of 9 digits")
    paths = Counter(row["path"] for row in rows)
    twice = next((path for path, count in paths.items() if count > 1), None)
    if twice is not None:
        raise UserError(f"its index.csv lists {twice} {paths[twice]} times")


def _decode(archive: zipfile.ZipFile, members: list[str]) -> Tensor:
    """The images (N, 3, h, w), uint8.

    Raises:
        UserError: If one cannot be read or differs in size, or all of them would fill the memory.
    """
    first = read_pixels(archive, members[0])
    if len(members) * first.nbytes > LARGEST_WHOLE:
        raise UserError(f"its {len(members):,} images of {first.nbytes:,} bytes would fill the memory")
    pixels = np.empty((len(members), *first.shape), dtype=np.uint8)
    for place, member in enumerate(members):
        image = read_pixels(archive, member)
        if image.shape != first.shape:
            raise UserError(
                f"{member} has {image.shape[1]} x {image.shape[0]} pixels, and {members[0]} has {first.shape[1]} x "
                f"{first.shape[0]}"
            )
        pixels[place] = image
    return torch.from_numpy(pixels).permute(0, 3, 1, 2).contiguous()
