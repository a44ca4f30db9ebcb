"""Any model of timm as a backbone. timm is imported when one is asked for, and not before.

A model is built without its classifier and tried once on an empty image, so that what it cannot do is said before
training: a model that gives no feature vector, a pooling that its features do not fit, a side that it does not take.
"""

from __future__ import annotations

from difflib import get_close_matches
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from gnn_dml.errors import UserError
from gnn_dml.models.packaged import PACKAGED, PACKAGED_NAME, packaged_state
from gnn_dml.models.timm_weights import load_pretrained, load_state
from gnn_dml.models.weights_file import read_state

PREFIX = "timm/"


class TimmBackbone(nn.Module):
    """A timm model without its classifier.

    Args:
        model: The timm model, built with `num_classes=0`; kept as it is.
        name: For messages.
        pooled: Whether to give the model's own feature vector instead of its maps.
        side: The only side in pixels that the model takes, or None if it takes several.
    """

    def __init__(self, model: Any, name: str, *, pooled: bool, side: int | None = None) -> None:
        super().__init__()
        self.model = model
        self.name = name
        self.pooled = pooled
        self.side = side
        self.channels_last = getattr(model, "output_fmt", "NCHW") == "NHWC"

    def forward(self, images: Tensor) -> Tensor:
        """Images (N, 3, h, w) to features (N, channels) if `pooled`, else to maps (N, channels, h', w').

        Raises:
            UserError: If the model takes one side only, and it is another.
        """
        if self.side is not None and images.shape[-2:] != (self.side, self.side):
            height, width = images.shape[-2:]
            raise UserError(
                f"{self.name} was built for images of {self.side} x {self.side} px and was given {height} x {width}; "
                f"change dataset.transform.size, or build it for that side with backbone.image_size"
            )
        features: Tensor = self.model(images) if self.pooled else self.model.forward_features(images)
        return features.movedim(-1, 1) if self.channels_last and not self.pooled else features


def build_timm(name: str, *, weights: str | None, pooled: bool, image_size: int | None) -> tuple[nn.Module, int]:
    """Build a timm model; for arguments, results and errors see `gnn_dml.models.build_backbone`."""
    timm = _import_timm()
    inner = name.removeprefix(PREFIX)
    _check_name(timm, inner)
    settings = _read_settings(timm, inner)
    if weights == PACKAGED and inner.partition(".")[0] != PACKAGED_NAME:
        raise UserError(f"backbone.weights=packaged is known for {PREFIX}{PACKAGED_NAME}, not for {name}")
    # For such a model timm fixes the side when it is built; the others take any side, within reason.
    fixed = bool(settings.get("fixed_input_size"))
    own_side = int(settings["input_size"][-1])
    side = own_side if image_size is None else image_size
    extra = {"img_size": side} if fixed and side != own_side else {}
    if weights == "imagenet":
        model = load_pretrained(timm, inner, settings, **extra)
    else:
        model = _create(timm, inner, side, own_side, extra)
        if weights is not None:
            what = f"the weights in {weights}"
            state = packaged_state() if weights == PACKAGED else read_state(Path(weights))
            load_state(timm, model, inner, settings, state, what=what, **extra)
    backbone = TimmBackbone(model, name, pooled=pooled, side=side if fixed else None)
    # What a model gives depends on its architecture and the side, not on its weights.
    tried = (type(model), inner, pooled, side)
    if tried not in _CHANNELS:
        _CHANNELS[tried] = _try(backbone, side, own_side)
    return backbone, _CHANNELS[tried]


_CHANNELS: dict[tuple[type, str, bool, int], int] = {}
"""Channels of the models that were tried in this process, by class, name, `pooled` and side."""


def _import_timm() -> Any:
    try:
        import timm
    except ImportError as error:
        raise UserError(f"models of timm need the extra timm: pip install 'gnn-dml[timm]' ({error})") from error
    return timm


def _check_name(timm: Any, name: str) -> None:
    """Refuse unknown models and unknown tags of known ones, with the nearest names."""
    architecture, _, tag = name.partition(".")
    if not timm.is_model(architecture):
        near = get_close_matches(architecture, timm.list_models(), n=5)
        hint = f"did you mean {', '.join(PREFIX + other for other in near)}?" if near else "see timm.list_models()"
        raise UserError(f"timm has no model {architecture!r}; {hint}")
    if tag and not timm.is_model_pretrained(name):
        tags = [other.partition(".")[2] for other in timm.list_models(f"{architecture}.*", pretrained=True)]
        raise UserError(f"timm's {architecture} has no weights {tag!r}; it has {', '.join(sorted(tags)) or 'none'}")


def _read_settings(timm: Any, name: str) -> dict[str, Any]:
    """Timm's description of a model's weights and input."""
    config = timm.get_pretrained_cfg(name)
    settings: dict[str, Any] = {} if config is None else config.to_dict()
    return {"input_size": (3, 224, 224), **{key: value for key, value in settings.items() if value is not None}}


def _create(timm: Any, name: str, side: int, own_side: int, extra: dict[str, int]) -> Any:
    try:
        return timm.create_model(name, pretrained=False, num_classes=0, **extra)
    except Exception as error:
        if extra:
            raise UserError(_size_problem(name, side, own_side, None, error)) from error
        raise UserError(
            f"{PREFIX}{name} cannot be used as a feature extractor: {_brief(error)}; take another model of timm"
        ) from error


def _try(backbone: TimmBackbone, side: int, own_side: int) -> int:
    """Channels of what the backbone gives for one empty image, or a sentence on why it gives nothing of use."""
    name, model = backbone.name, backbone.model
    patch = _patch(model)
    if backbone.side is not None and patch is not None and side % patch:
        raise UserError(_size_problem(name, side, own_side, patch))
    device = next(model.parameters()).device
    training = backbone.training
    try:
        with torch.no_grad():
            given = backbone.eval()(torch.zeros(1, 3, side, side, device=device))
    except Exception as error:
        if side != own_side:
            raise UserError(_size_problem(name, side, own_side, patch, error)) from error
        raise UserError(f"{name} cannot be used as a feature extractor: {_brief(error)}") from error
    finally:
        backbone.train(training)
    shape = tuple(given.shape) if isinstance(given, Tensor) else type(given).__name__
    if backbone.pooled:
        if not (isinstance(given, Tensor) and given.dim() == 2):
            raise UserError(f"{name} cannot be used as a feature extractor: it gives {shape}, not one vector an image")
    elif not (isinstance(given, Tensor) and given.dim() == 4 and given.size(1) == model.num_features):
        raise UserError(
            f"{name} gives {shape} for an image, not a map that backbone.pool=max, average or flatten could pool; "
            "take backbone.pool=own, the model's own pooling"
        )
    return int(given.size(1))


def _patch(model: Any) -> int | None:
    """Side of a transformer's patches, where it has them."""
    size = getattr(getattr(model, "patch_embed", None), "patch_size", None)
    return int(size[0]) if isinstance(size, (tuple, list)) else None


def _size_problem(name: str, side: int, own_side: int, patch: int | None, error: Exception | None = None) -> str:
    name = PREFIX + name.removeprefix(PREFIX)
    allowed = f"{own_side} px" if patch is None else f"{own_side} px, or another multiple of its patches of {patch} px"
    reason = "" if error is None else f" ({_brief(error)})"
    return f"{name} does not take images of {side} px{reason}; it takes {allowed}: set dataset.transform.size"


def _brief(error: Exception) -> str:
    return " ".join(f"{type(error).__name__}: {error}".split())[:200]
