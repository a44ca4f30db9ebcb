"""Whether a data set is whole: what its reader says, then every image."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from gnn_dml.config.dataset import compose_source
from gnn_dml.config.names import open_config_dirs
from gnn_dml.data.files import ImageFiles
from gnn_dml.data.images import ImageDataset
from gnn_dml.data.readable import find_unreadable
from gnn_dml.errors import UserError
from gnn_dml.experiments.build import build

SHOWN = 10
"""Sentences about images that a message holds before it says how many more there are."""


def verify_dataset(
    name: str,
    root: Path | None = None,
    *,
    strict: bool = True,
    workers: int = 0,
    config_dirs: Sequence[str | Path] = (),
) -> ImageDataset:
    """Read a data set as `dataset=NAME` would, then decode every image, with a progress bar.

    Args:
        name: As in `dataset=NAME`.
        root: Where it is; None for the place of its YAML.
        strict: Whether the published counts are required, where there are some.
        workers: Processes that decode.
        config_dirs: Folders with YAMLs and classes of the user's own.

    Returns:
        The data set, all of whose images can be read.

    Raises:
        UserError: If a list is missing or malformed, counts differ, or images cannot be read; the message names them.
    """
    dataset: ImageDataset = build(compose_source(name, root, strict=strict, config_dirs=open_config_dirs(config_dirs)))
    paths = dataset.images.paths if isinstance(dataset.images, ImageFiles) else []
    found = find_unreadable(paths, workers=workers)
    if found:
        shown = "\n".join(f"  {said}" for said in list(found.values())[:SHOWN])
        more = f"\n  and {len(found) - SHOWN} more" if len(found) > SHOWN else ""
        raise UserError(f"{len(found)} of {len(dataset)} images cannot be read:\n{shown}{more}")
    return dataset
