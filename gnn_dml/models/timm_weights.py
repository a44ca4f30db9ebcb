"""Weights of timm models: from the hub, or from a state dict, where every tensor has to find its place."""

from __future__ import annotations

import ssl
from pathlib import Path
from typing import Any
from urllib.error import HTTPError, URLError
from urllib.request import Request, urlopen

from torch import Tensor

from gnn_dml.errors import UserError
from gnn_dml.models.weights_file import read_state

_HUB_FILES = ("model.safetensors", "pytorch_model.bin")


def load_pretrained(timm: Any, name: str, settings: dict[str, Any], **extra: int) -> Any:
    """The model without classifier, with the weights that timm knows for its name; downloaded once.

    Raises:
        UserError: If there are none, or they cannot be had.
    """
    if not any(settings.get(key) for key in ("url", "hf_hub_id", "file")):
        raise UserError(f"timm has no weights of {name}: take backbone.weights=null or a file")
    hub = settings.get("hf_hub_id")
    # The hub's client retries for most of a minute before it gives up; one look says whether that is worth it.
    if hub and (problem := _unreachable()):
        cached = _cached(hub, settings.get("hf_hub_filename"))
        if cached is None:
            raise _not_had(name, problem)
        model = timm.create_model(name, pretrained=False, num_classes=0, **extra)
        load_state(timm, model, name, settings, read_state(cached), what=f"the weights in {cached}", **extra)
        return model
    try:
        return timm.create_model(name, pretrained=True, num_classes=0, **extra)
    except Exception as error:
        # The hub's client fails in many types, by version: OSError, those of two HTTP libraries, its own.
        raise _not_had(name, f"{type(error).__name__}: {' '.join(str(error).split())[:200]}") from error


def load_state(
    timm: Any,
    model: Any,
    name: str,
    settings: dict[str, Any],
    state: dict[str, Tensor],
    *,
    what: str,
    **extra: int,
) -> None:
    """Fill a model without classifier from a state dict, which may hold a classifier of any number of classes.

    timm renames and resizes what it knows how to (the names of the models' first publications, position embeddings of
    another image side); then every tensor of the file and every tensor of the model must be used.

    Args:
        timm: The module.
        model: Built with `num_classes=0`.
        name: timm's name of it.
        settings: timm's description of it.
        state: Names and tensors.
        what: What the state is, for messages.
        **extra: What else the model was built with.

    Raises:
        UserError: If the state does not fit the model.
    """
    first: Exception | None = None
    for classes in dict.fromkeys([_classes(settings, state), settings.get("num_classes", 0)]):
        overlay = {"state_dict": dict(state), "num_classes": classes, "label_offset": 0, "custom_load": False}
        try:
            # With as many classes as the overlay says, timm loads strictly.
            whole = timm.create_model(
                name, pretrained=True, pretrained_cfg_overlay=overlay, num_classes=classes, **extra
            )
            wanted = model.state_dict()
            model.load_state_dict({key: tensor for key, tensor in whole.state_dict().items() if key in wanted})
        except Exception as error:
            first = first or error
        else:
            return
    raise UserError(f"{what} do not fit timm/{name}: {' '.join(str(first).split())[:300]}") from first


def _classes(settings: dict[str, Any], state: dict[str, Tensor]) -> int:
    """How many classes the classifier in the state has; 0 if it holds none under timm's name."""
    heads = settings.get("classifier") or ()
    for head in (heads,) if isinstance(heads, str) else heads:
        if (weight := state.get(f"{head}.weight")) is not None:
            return weight.size(0)
    return 0


def _unreachable() -> str | None:
    """Why the hub cannot be reached, or None if it can be or is not to be asked."""
    from huggingface_hub import constants

    if constants.HF_HUB_OFFLINE:
        return "HF_HUB_OFFLINE is set"
    try:
        urlopen(Request(constants.ENDPOINT, method="HEAD"), timeout=10).close()
    except HTTPError:
        return None
    except URLError as error:
        # The client has certificates of its own, and may succeed.
        return None if isinstance(error.reason, ssl.SSLError) else f"{constants.ENDPOINT}: {error.reason}"
    except OSError as error:
        return f"{constants.ENDPOINT}: {error}"
    return None


def _cached(hub: str, filename: str | None) -> Path | None:
    """The file of an earlier download."""
    from huggingface_hub import try_to_load_from_cache

    for file in (filename,) if filename else _HUB_FILES:
        if isinstance(path := try_to_load_from_cache(hub, file), str):
            return Path(path)
    return None


def _not_had(name: str, problem: str) -> UserError:
    return UserError(
        f"the weights of timm/{name} could not be downloaded ({problem}); download them elsewhere and give the file: "
        "backbone.weights=/path/to/model.safetensors"
    )
