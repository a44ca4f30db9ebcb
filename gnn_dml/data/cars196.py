"""Cars196: 16,185 photographs of 196 models of cars."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path
from typing import Any

from gnn_dml.data.images import BOTH, ImageDataset
from gnn_dml.data.records import Published, Record, assemble, find_home
from gnn_dml.errors import UserError

TRAIN_CLASSES = 98
PUBLISHED = Published("Cars196", {"train": (8054, 98), "test": (8131, 98)})


def read_cars196(root: str | Path, *, strict: bool = True, need: Collection[str] = BOTH) -> ImageDataset:
    """Read Cars196: classes 1 to 98 to train on, 99 to 196 to test on, over all images.

    The split into training and test images inside `cars_annos.mat` is one for classification and is not used.

    Args:
        root: The folder that holds `cars_annos.mat` and `car_ims`.
        strict: Whether the published counts are required.
        need: Splits that have to be there, "train" or "test"; images of the others are not looked for.

    Raises:
        UserError: If a file is missing or malformed, or the counts differ; the message names it.
    """
    folder = find_home(root, "cars196", "cars_annos.mat", "cars196")
    path = folder / "cars_annos.mat"
    try:
        annotations, names = _read(path)
        labelled = [(str(one["relative_im_path"]), int(one["class"])) for one in annotations]
    except UserError:
        raise
    except Exception as error:  # scipy raises almost anything on a damaged file
        raise UserError(f"{path} is no annotation file of Cars196: {error}") from error
    records = []
    for number, (image, label) in enumerate(labelled, start=1):
        if not 1 <= label <= len(names):
            raise UserError(f"{path}, annotation {number}: the class must be 1 to {len(names)}, not {label}")
        role = "train" if label <= TRAIN_CLASSES else "test"
        records.append(Record(image, f"{label:03}.{names[label - 1]}", role, f"{path}, annotation {number}"))
    return assemble(folder, records, PUBLISHED, strict=strict, need=need)


def _read(path: Path) -> tuple[Any, list[str]]:
    """The annotations, and the names of the classes."""
    from scipy.io import loadmat

    content = loadmat(path, squeeze_me=True)
    lacking = [name for name in ("annotations", "class_names") if name not in content]
    if lacking:
        raise UserError(f"{path} is no annotation file of Cars196: it lacks {', '.join(lacking)}")
    return content["annotations"].reshape(-1), [str(name) for name in content["class_names"].reshape(-1)]
