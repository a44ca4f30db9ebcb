"""A data set as a run uses it: readable images only, from a cache where one is wanted."""

from __future__ import annotations

from pathlib import Path
from typing import Literal, NamedTuple, get_args

from gnn_dml.data.cache import open_cache
from gnn_dml.data.files import ImageFiles
from gnn_dml.data.images import ImageDataset
from gnn_dml.data.readable import find_unreadable
from gnn_dml.errors import UserError

Policy = Literal["error", "skip"]
Orientation = Literal["exif", "stored"]


class OpenedImages(NamedTuple):
    """A data set, and how many of its images could not be read and were left out."""

    dataset: ImageDataset
    skipped: int


def open_images(
    dataset: ImageDataset,
    *,
    policy: Policy = "error",
    cache: Path | None = None,
    cache_side: int = 256,
    workers: int = 0,
    orientation: Orientation = "exif",
) -> OpenedImages:
    """Apply the policy for unreadable images, and fill and open the cache.

    Under "error" nothing is decoded here unless a cache is filled: the first unreadable image that a batch needs stops
    the run. Under "skip" every image is decoded once before training, so which images take part does not depend on
    chance; with a cache that happens only while it is filled.

    Args:
        dataset: Images that are not `ImageFiles` are left alone: they are in memory already.
        policy: "error" or "skip".
        cache: Its folder, or None for no cache.
        cache_side: See `gnn_dml.data.cache.open_cache`.
        workers: Processes that decode.
        orientation: "exif" turns images upright; "stored" leaves them as they lie in their files, as published. Those
            have a cache of their own inside the folder.

    Raises:
        UserError: Under "error" if an image cannot be read (the message counts them and names the first), or if the
            cache cannot be written; if no image is left.
        ValueError: If the policy or the orientation is unknown.
    """
    if policy not in get_args(Policy):
        raise ValueError(f"policy must be one of {', '.join(get_args(Policy))}, not {policy!r}")
    if orientation not in get_args(Orientation):
        raise ValueError(f"orientation must be one of {', '.join(get_args(Orientation))}, not {orientation!r}")
    if not isinstance(dataset.images, ImageFiles):
        return OpenedImages(dataset, 0)
    paths, upright = dataset.images.paths, orientation == "exif"
    dataset = dataset.with_images(ImageFiles(paths, upright=upright))
    if cache is not None:
        place = cache if upright else cache / "stored"
        images, kept, broken = open_cache(paths, place, side=cache_side, workers=workers, upright=upright)
    elif policy == "skip":
        faults = find_unreadable(paths, workers=workers)
        images, kept, broken = None, [i for i in range(len(paths)) if i not in faults], list(faults.values())
    else:
        return OpenedImages(dataset, 0)
    if broken and policy == "error":
        more = f" (and {len(broken) - 1} more)" if len(broken) > 1 else ""
        raise UserError(f"{broken[0]}{more}; dataset.unreadable=skip leaves such images out and counts them")
    if not kept:
        raise UserError(f"none of the {len(paths)} images can be read; the first: {broken[0]}")
    left = dataset.only(kept)
    return OpenedImages(left if images is None else left.with_images(images), len(paths) - len(kept))
