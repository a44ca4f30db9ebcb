"""Data: splits of labelled images, P x K batches, transforms. Importing this package loads no torch."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from gnn_dml.data.archive import EmojiDataset, embedded_emoji, emoji_archive
    from gnn_dml.data.cache import CachedImages, cached
    from gnn_dml.data.cars196 import read_cars196
    from gnn_dml.data.cub import read_cub
    from gnn_dml.data.decode import read_image
    from gnn_dml.data.files import ImageFiles
    from gnn_dml.data.folder import read_folder
    from gnn_dml.data.images import ImageDataset, ImageSplit
    from gnn_dml.data.inshop import read_inshop
    from gnn_dml.data.loader import TrainImages, TrainLoader, evaluation_batches
    from gnn_dml.data.photos import PhotoTransforms
    from gnn_dml.data.sampler import DistinctSampler, GroupSampler, RedrawnGroupSampler
    from gnn_dml.data.sop import read_sop
    from gnn_dml.data.table import read_table
    from gnn_dml.data.transforms import DrawingTransforms
    from gnn_dml.data.validation import with_validation

__all__ = [
    "CachedImages",
    "DistinctSampler",
    "DrawingTransforms",
    "EmojiDataset",
    "GroupSampler",
    "ImageDataset",
    "ImageFiles",
    "ImageSplit",
    "PhotoTransforms",
    "RedrawnGroupSampler",
    "TrainImages",
    "TrainLoader",
    "cached",
    "embedded_emoji",
    "emoji_archive",
    "evaluation_batches",
    "read_cars196",
    "read_cub",
    "read_folder",
    "read_image",
    "read_inshop",
    "read_sop",
    "read_table",
    "with_validation",
]

_HOME = {
    "CachedImages": "cache",
    "DistinctSampler": "sampler",
    "DrawingTransforms": "transforms",
    "EmojiDataset": "archive",
    "GroupSampler": "sampler",
    "ImageDataset": "images",
    "ImageFiles": "files",
    "ImageSplit": "images",
    "PhotoTransforms": "photos",
    "RedrawnGroupSampler": "sampler",
    "TrainImages": "loader",
    "TrainLoader": "loader",
    "cached": "cache",
    "embedded_emoji": "archive",
    "emoji_archive": "archive",
    "evaluation_batches": "loader",
    "read_cars196": "cars196",
    "read_cub": "cub",
    "read_folder": "folder",
    "read_image": "decode",
    "read_inshop": "inshop",
    "read_sop": "sop",
    "read_table": "table",
    "with_validation": "validation",
}


def __getattr__(name: str) -> Any:
    """Import a public name when it is asked for: `gnn_dml.prepare.emoji`, which builds data, then needs no torch."""
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOME[name]}"), name)
