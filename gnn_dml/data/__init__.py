"""Data: splits of labelled images, P x K batches, transforms. Importing this package loads no torch."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from gnn_dml.data.archive import EmojiDataset, embedded_emoji
    from gnn_dml.data.images import ImageDataset, ImageSplit
    from gnn_dml.data.loader import TrainImages, TrainLoader, evaluation_batches
    from gnn_dml.data.sampler import GroupSampler
    from gnn_dml.data.transforms import DrawingTransforms

__all__ = [
    "DrawingTransforms",
    "EmojiDataset",
    "GroupSampler",
    "ImageDataset",
    "ImageSplit",
    "TrainImages",
    "TrainLoader",
    "embedded_emoji",
    "evaluation_batches",
]

_HOME = {
    "DrawingTransforms": "transforms",
    "EmojiDataset": "archive",
    "GroupSampler": "sampler",
    "ImageDataset": "images",
    "ImageSplit": "images",
    "TrainImages": "loader",
    "TrainLoader": "loader",
    "embedded_emoji": "archive",
    "evaluation_batches": "loader",
}


def __getattr__(name: str) -> Any:
    """Import a public name when it is asked for: `gnn_dml.data.emoji`, which builds data, then needs no torch."""
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOME[name]}"), name)
