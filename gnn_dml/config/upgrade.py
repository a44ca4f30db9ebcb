"""Settings of earlier versions in the words of this one; every reader of stored settings calls it first."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

Config = dict[str, Any]

RENAMED = {"gnn_dml.data.EmojiDataset": "gnn_dml.data.emoji_archive"}
"""Classes and functions under other names."""

LATER: dict[str, Config] = {
    "protocol": {
        "neighbourhood": "nearest",
        "choose_neighbours": None,
        "train_recall": False,
        "training_free": [],
        "refine_gallery": True,
        "val_share": 0.2,
        "val_least": 1,
        "val_seed": 0,
        "folds": None,
        "fold": 0,
        "k1": 30,
        "reload": [],
        "test_on": "test",
        "ties": "first",
    },
    "refiner": {
        "weighted": False,
        "scale_input": False,
        "start": "published",
        "temperature": 0.1,
        "norm": "after",
        "feed_forward": True,
        "gate": None,
        "detached": False,
        "edge_features": [],
        "mutual_k": 3,
    },
    "optimizer": {"decayed": "matrices", "drop_epoch": 31},
}
"""Settings that older files have not, and what they meant by that."""

_GROUPS = {"extra_group": False, "fill_last": False}
LATER_OF: dict[str, Config] = {
    "gnn_dml.layers.DotProductAttention": {"aggregation": "sum"},
    "gnn_dml.losses.CrossEntropy": {"layers": "mean"},
    "gnn_dml.data.GroupSampler": _GROUPS,
    "gnn_dml.data.RedrawnGroupSampler": _GROUPS,
    "gnn_dml.data.PhotoTransforms": {"erasing": "torchvision"},
    "torch.optim.RAdam": {"decoupled_weight_decay": False},
}
"""The same by the class that takes them."""

LATER_ALONE = {
    "drop_edge": 0.0,
    "shared_classifier": False,
    "augmentation_seed": "batch",
    "start_from": None,
    "pictures": True,
}

_CROSS_ENTROPY = "gnn_dml.losses.CrossEntropy"


def upgrade(config: Mapping[str, Any]) -> Config:
    """The same settings as this version writes them; settings of this version come back as they are.

    Args:
        config: Resolved, from a run folder or a checkpoint of this version or an earlier one.
    """
    found = {name: _renamed(value) for name, value in config.items() if name != "overrides"}
    for part, known in LATER.items():
        if isinstance(found.get(part), Mapping):
            found[part] = {**known, **found[part]}
    found = {**LATER_ALONE, **found}
    if isinstance(found.get("loss"), Mapping):
        found["loss"] = _refined_temperature(_loss(found["loss"]))
    if isinstance(found.get("dataset"), Mapping):
        found["dataset"] = _dataset(found["dataset"])
    return found


def _renamed(value: Any) -> Any:
    """Copy settings, with the names of today and what classes have learned to take."""
    if isinstance(value, Mapping):
        copied = {
            key: RENAMED.get(inner, inner) if key == "_target_" and isinstance(inner, str) else _renamed(inner)
            for key, inner in value.items()
        }
        target = copied.get("_target_")
        return {**(LATER_OF.get(target, {}) if isinstance(target, str) else {}), **copied}
    return [_renamed(inner) for inner in value] if isinstance(value, list) else value


def _loss(loss: Config) -> Config:
    """Version 0.1 had one class for both branches, with one temperature."""
    if loss.get("_target_") != "gnn_dml.losses.BranchLoss":
        return {"layers": "mean", **loss}
    shared = {
        "smoothing": loss.get("smoothing", 0.1),
        "temperature": loss.get("temperature", 1.0),
        "layers": loss.get("layers", "mean"),
    }
    terms = {
        branch: {
            "_target_": _CROSS_ENTROPY,
            "branch": branch,
            "weight": loss.get(f"{branch}_weight", 1.0),
            **shared,
        }
        for branch in ("backbone", "refined")
    }
    return {**shared, "terms": terms}


def _refined_temperature(loss: Config) -> Config:
    """Version 0.1 had one name for the temperatures of both branches."""
    terms = loss.get("terms")
    refined = terms.get("refined") if isinstance(terms, Mapping) else None
    if "refined_temperature" in loss or not isinstance(refined, Mapping) or "temperature" not in refined:
        return loss
    return {**loss, "refined_temperature": refined["temperature"]}


def _dataset(dataset: Config) -> Config:
    """Version 0.1 knew data by the checksum of a file, and folders by their path."""
    if "unreadable" in dataset:  # images in files
        dataset = {"orientation": "exif", **dataset}
    if "content" in dataset:
        return dataset
    return {**{name: value for name, value in dataset.items() if name != "sha256"}, "content": dataset.get("sha256")}
