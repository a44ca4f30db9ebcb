"""Stanford Online Products: 120,053 photographs of 22,634 products."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

from gnn_dml.data.images import BOTH, ImageDataset
from gnn_dml.data.records import Published, Record, assemble, find_home, read_rows
from gnn_dml.errors import UserError

HEADER = ["image_id", "class_id", "super_class_id", "path"]
PUBLISHED = Published("Stanford Online Products", {"train": (59551, 11318), "test": (60502, 11316)})


def read_sop(root: str | Path, *, strict: bool = True, need: Collection[str] = BOTH) -> ImageDataset:
    """Read Stanford Online Products by its two lists, `Ebay_train.txt` and `Ebay_test.txt`.

    Args:
        root: The folder `Stanford_Online_Products` of the archive, or the one that holds it.
        strict: Whether the published counts are required.
        need: Splits that have to be there, "train" or "test"; images of the others are not looked for.

    Raises:
        UserError: If a file is missing or malformed, or the counts differ; the message names it.
    """
    folder = find_home(root, "Stanford_Online_Products", "Ebay_train.txt", "sop")
    records = []
    for role in ("train", "test"):
        path = folder / f"Ebay_{role}.txt"
        for line, words in read_rows(path, 4):
            if line == 1:
                if words != HEADER:
                    raise UserError(f"{path}, line 1: {' '.join(HEADER)!r} is expected, not {' '.join(words)!r}")
                continue
            records.append(Record(words[3], words[1], role, f"{path}, line {line}"))
    return assemble(folder, records, PUBLISHED, strict=strict, need=need)
