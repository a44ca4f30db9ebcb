"""In-Shop Clothes Retrieval of DeepFashion: 52,712 photographs of 7,982 pieces, with queries and a gallery apart."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

from gnn_dml.data.images import BOTH, ImageDataset
from gnn_dml.data.records import Published, Record, assemble, parse_number, read_rows
from gnn_dml.errors import UserError
from gnn_dml.prepare.look import is_file, is_folder

HEADER = ["image_name", "item_id", "evaluation_status"]
PUBLISHED = Published(
    "In-Shop Clothes Retrieval", {"train": (25882, 3997), "query": (14218, 3985), "gallery": (12612, 3985)}
)


def read_inshop(root: str | Path, *, strict: bool = True, need: Collection[str] = BOTH) -> ImageDataset:
    """Read In-Shop Clothes Retrieval by its `list_eval_partition.txt`.

    Args:
        root: The folder that holds `Eval/list_eval_partition.txt` (or the list itself), and the images as `img` or
            `Img/img`.
        strict: Whether the published counts are required.
        need: Splits that have to be there, "train" or "test"; images of the others are not looked for.

    Raises:
        UserError: If a file is missing or malformed, or the counts differ; the message names it.
    """
    folder = Path(root)
    lists = [folder / "Eval" / "list_eval_partition.txt", folder / "list_eval_partition.txt"]
    path = next((file for file in lists if is_file(file)), None)
    if path is None:
        raise UserError(
            f"dataset.root={root} holds no Eval/list_eval_partition.txt; 'gnn-dml data prepare inshop' says how to get "
            "the data set"
        )
    records, promised = [], -1
    for line, words in read_rows(path, 1):
        parts = words[0].split()
        if line == 1:
            promised = parse_number(path, line, words[0], 0, 10**9)
        elif line == 2:
            if parts != HEADER:
                raise UserError(f"{path}, line 2: {' '.join(HEADER)!r} is expected, not {words[0]!r}")
        elif len(parts) != 3 or parts[2] not in PUBLISHED.counts:
            raise UserError(
                f"{path}, line {line}: an image, an item and one of {', '.join(PUBLISHED.counts)} are expected, not "
                f"{words[0]!r}"
            )
        else:
            records.append(Record(parts[0], parts[1], parts[2], f"{path}, line {line}"))
    if strict and len(records) != promised:
        raise UserError(f"{path}: its first line promises {promised} images, and {len(records)} follow")
    images = folder if is_folder(folder / "img") else folder / "Img"
    return assemble(images, records, PUBLISHED, strict=strict, need=need)
