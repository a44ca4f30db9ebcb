"""How a run sees the images of another data set: as large as in its training, and normalised so."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from gnn_dml.errors import UserError
from gnn_dml.prepare.scales import SCALES

Config = Mapping[str, Any]


def adapt_transform(transform: Config, run: Config) -> dict[str, Any]:
    """The transform of another data set as a run saw images in its training.

    Args:
        transform: As configured for the other data set.
        run: The run's configuration.

    Returns:
        The same, but as large as in the run, shown as much of, and normalised as in the run.

    Raises:
        UserError: If the other data set's transform knows no such normalisation.
    """
    trained = run["dataset"]["transform"]
    return {**transform, **_sizes(transform, trained), **_normalization(transform, trained)}


def _sizes(transform: Config, trained: Config) -> dict[str, int]:
    """The run's size, cropped from the run's shorter side, or from as much of the image as the other data set shows."""
    size = trained.get("size")
    if not isinstance(size, int) or "size" not in transform:
        return {}
    if "resize" not in transform:
        return {"size": size}
    shown = trained.get("resize") or round(size * transform["resize"] / transform["size"])
    return {"size": size, "resize": shown}


def _normalization(transform: Config, trained: Config) -> dict[str, Any]:
    """The run's, whether it has a name or is a mean and a deviation for each channel.

    Where the other data set knows only names and the run has none, it is left as it is: `describe_transfer` says so.
    """
    name = normalization_of(trained)
    if "normalize" in trained or name in SCALES:
        return normalization_settings(transform, name)
    if "normalize" in transform:
        return {}
    return {part: trained[part] for part in ("mean", "std")}


def normalization_of(transform: Config) -> str:
    """How a transform normalises, by name, or as its mean and standard deviation."""
    if "normalize" in transform:
        return str(transform["normalize"])
    mean, std = transform.get("mean"), transform.get("std")
    if not isinstance(mean, (list, tuple)) or not isinstance(std, (list, tuple)):
        return "half"
    held = (tuple(mean), tuple(std))
    named = next((name for name, scale in SCALES.items() if not scale.bgr and (scale.mean, scale.std) == held), None)
    return named or f"mean {list(mean)}, std {list(std)}"


def describe_transfer(used: Config, trained: Config, own: Config) -> str:
    """In a sentence how images are seen, where that is not as trained or not as their data set says; else empty.

    Args:
        used: The transform that is used.
        trained: That of the training.
        own: That of the data set as its settings say.
    """
    if seen(used) != seen(trained):
        return f"images are seen at {seen(used)}, and the run was trained at {seen(trained)}"
    if seen(used) != seen(own):
        return f"images are seen as in training, at {seen(used)}; the data set's own settings are {seen(own)}"
    return ""


def seen(transform: Config) -> str:
    """Size and normalisation of images, for a sentence."""
    size, name = transform.get("size"), normalization_of(transform)
    shown = name if name.isprintable() else ascii(name)
    return (f"{size} px, " if isinstance(size, int) else "") + f"normalize={shown}"


def normalization_settings(transform: Config, normalize: str) -> dict[str, Any]:
    """The settings under which a transform normalises images in a way of `gnn_dml.prepare.scales.SCALES`.

    Raises:
        UserError: If it cannot.
    """
    if "normalize" in transform:
        return {"normalize": normalize}
    if normalize == "half":
        return {}  # drawings are normalised so
    if normalize not in SCALES:
        raise UserError(f"dataset.transform.normalize={normalize} cannot be had on a data set without that setting")
    scale = SCALES[normalize]
    if scale.bgr:
        raise UserError(f"dataset.transform.normalize={normalize} cannot be had on a data set of drawings")
    return {"mean": list(scale.mean), "std": list(scale.std)}
