"""The images of one split, of several, or of a whole data set, for commands that train nothing."""

from __future__ import annotations

from gnn_dml.config.splits import ALL, SPLITS, split_names
from gnn_dml.data.images import ImageDataset, ImageSplit, join
from gnn_dml.data.records import MissingPartError
from gnn_dml.experiments.build import Config, build_source


def read_images(config: Config, name: str, *, labelled: bool = True) -> ImageSplit:
    """The images that a word asks for; only the splits that it names have to be there.

    Several splits are searched as one: every image among all others, also where queries and gallery are apart.

    Args:
        config: Of a run, under the settings of its test.
        name: See `gnn_dml.config.splits.split_names`.
        labelled: Whether the classes of the images matter.

    Raises:
        UserError: If a split is unknown or missing, or its images cannot be read.
    """
    names = split_names(name)
    if name == ALL:
        source = _whatever_is_there(config, labelled)
        there = {"test" if role in ("query", "gallery") else role for role in source.roles}
        return join([source.split(part) for part in names if part in there])
    source, _, _ = build_source(config, need=names, labelled=labelled)
    return join([source.split(part) for part in names])


def _whatever_is_there(config: Config, labelled: bool) -> ImageDataset:
    """The data set, of which the training or the test half may be missing."""
    try:
        return build_source(config, need=SPLITS, labelled=labelled, hold_out=False)[0]
    except MissingPartError as error:
        return build_source(config, need=error.there, labelled=labelled, hold_out=False)[0]
