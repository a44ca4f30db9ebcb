"""What a run is about to do, in a sentence."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from gnn_dml.experiments.choose_recipe import OWN_IMAGES

QUICKER = (
    "quicker: --recipe small (a small network, 128 px, 5 epochs), or --recipe frozen (a number without training); both "
    "need the extra timm. A run that is interrupted goes on after its last finished epoch."
)
_STARTS = {None: "from scratch", "imagenet": "ImageNet weights", "packaged": "ImageNet weights"}


def describe_plan(config: Mapping[str, Any], batches: int) -> str:
    """The CNN, the size of its images, the batches and the device.

    Args:
        config: Of a run, resolved.
        batches: Of the whole training; 0 where nothing is trained.
    """
    protocol = config["protocol"]
    device = _describe_device(config)
    if not batches:
        return f"no training: images are embedded by {_describe_network(config)}, on {device}"
    return (
        f"training {_describe_network(config)}, graph={config['choices']['graph']}: {protocol['epochs']} epochs x "
        f"{round(batches / protocol['epochs'])} batches of {protocol['classes_per_batch']} classes x "
        f"{protocol['images_per_class']} images, on {device}"
    )


def quicker_way(config: Mapping[str, Any]) -> str:
    """What to type where a training takes long; empty where there is nothing quicker to offer."""
    own, cpu = config["choices"]["dataset"] in OWN_IMAGES, _describe_device(config).startswith("the CPU")
    return QUICKER if own and cpu else ""


def _describe_network(config: Mapping[str, Any]) -> str:
    backbone, size = config["backbone"], config["dataset"]["transform"].get("size")
    seen = "" if size is None else f" at {size} px"
    if "name" not in backbone:
        return f"{config['choices']['backbone']}{seen}"
    return f"{backbone['name']}{seen} ({_STARTS.get(backbone.get('weights'), 'weights of a file')})"


def _describe_device(config: Mapping[str, Any]) -> str:
    import torch

    from gnn_dml.training.device import pick_device

    device = pick_device(str(config["device"]))
    threads = torch.get_num_threads()
    return str(device) if device.type != "cpu" else f"the CPU ({threads} thread{'s' * (threads != 1)})"
