"""How a run sees the images of another data set: as large as its backbone needs, and normalised as it was trained."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from gnn_dml.errors import UserError
from gnn_dml.prepare.scales import SCALES

Config = Mapping[str, Any]


def adapt_transform(transform: Config, run: Config) -> dict[str, Any]:
    """The transform of another data set for the backbone of a run.

    Args:
        transform: As configured for the other data set.
        run: The run's configuration.

    Returns:
        The same, with the run's image size where the backbone has one size only (`pool=flatten`, models of timm), else
        the other data set's own; and normalised as in the run.

    Raises:
        UserError: If the other data set's transform knows no such normalisation.
    """
    trained, backbone = run["dataset"]["transform"], run["backbone"]
    one_size = backbone.get("pool") == "flatten" or backbone.get("image_size") is not None
    sizes = _sizes(transform, trained) if one_size else {}
    return {**transform, **sizes, **normalization_settings(transform, trained.get("normalize", "half"))}


def _sizes(transform: Config, trained: Config) -> dict[str, int]:
    """The run's size, cropped from the run's shorter side, or from as much of the image as the other data set shows."""
    size = trained["size"]
    if "resize" not in transform:
        return {"size": size}
    shown = trained.get("resize") or round(size * transform["resize"] / transform["size"])
    return {"size": size, "resize": shown}


def normalization_settings(transform: Config, normalize: str) -> dict[str, Any]:
    """The settings under which a transform normalises images in a way of `gnn_dml.prepare.scales.SCALES`.

    Raises:
        UserError: If it cannot.
    """
    if "normalize" in transform:
        return {"normalize": normalize}
    if normalize == "half":
        return {}  # drawings are normalised so
    scale = SCALES[normalize]
    if scale.bgr:
        raise UserError(f"dataset.transform.normalize={normalize} cannot be had on a data set of drawings")
    return {"mean": list(scale.mean), "std": list(scale.std)}
