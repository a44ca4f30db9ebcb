"""What a run computes, as a name: the same on every machine, and under every setting added later.

Counted is what decides the figures: settings that the run reads, data by their content, weights by their checksum, the
source of classes from outside. Not counted are paths, devices and names. A setting with the value of `baseline.json` is
left out of the hash, so a new setting, entered there with the value that means the old behaviour, renames no run; and a
default that is changed later is no longer the value of that file, so it gives other names.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from functools import cache, lru_cache
from pathlib import Path
from typing import Any

from gnn_dml.config.flatten import flatten
from gnn_dml.config.source import source_hashes

Config = Mapping[str, Any]

WHERE = ("device", "workers", "pictures", "out", "study_name", "cell", "choices")
"""Top-level settings that say where and under which name a run happens; the groups' names stand for their settings."""

NO_WEIGHTS = (None, "imagenet", "packaged")
"""What `backbone.weights` may be besides a file."""

_UNTRAINED = ("loss", "optimizer", "sampler", "drop_edge", "augmentation_seed")
_BATCHES = (
    "protocol.classes_per_batch",
    "protocol.images_per_class",
    "protocol.select_on",
    "protocol.select_by",
    "protocol.ties",
    "protocol.reload",
)
_NO_REFINER = ("graph", "layer", "refiner", "drop_edge", "shared_classifier")
_REFINING = (
    "optimizer.refiner_rate",
    "protocol.neighbourhood",
    "protocol.neighbours",
    "protocol.choose_neighbours",
    "protocol.refine_gallery",
    "protocol.k1",
)


def run_id(config: Config) -> str:
    """A readable name that ends in a hash of what is computed, seed included; two equal runs have one name.

    Args:
        config: Resolved, as `gnn_dml.config.compose.resolve` returns it.
    """
    choices = config["choices"]
    parts = [choices["backbone"], choices["graph"]]
    if has_refiner(config):
        parts.append(choices["layer"])
    if choices["loss"] != "cross_entropy" and config["protocol"]["epochs"]:
        parts.append(choices["loss"])
    return "-".join([*parts, f"s{config['seed']}", digest(config)])


def digest(config: Config, baseline: Mapping[str, Any] | None = None) -> str:
    """Ten hexadecimal digits: equal for equal computations.

    Args:
        config: Resolved.
        baseline: Values that are left out; None takes those of the package.
    """
    known = read_baseline() if baseline is None else baseline
    counted = {name: _plain(value) for name, value in counted_settings(config).items()}
    differing = {name: value for name, value in counted.items() if name not in known or known[name] != value}
    text = json.dumps(differing, sort_keys=True, ensure_ascii=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:10]


def counted_settings(config: Config) -> dict[str, Any]:
    """Every setting that the run reads and that decides its figures, by dotted name.

    Idle settings are left out: those of the layer without a refiner, those of the loss without training.
    """
    idle, untrained = set(WHERE), config["protocol"]["epochs"] == 0
    if not has_refiner(config):
        idle |= {*_NO_REFINER, *_REFINING}
    if untrained:
        idle |= {*_UNTRAINED, *_BATCHES}
    if config["protocol"].get("neighbourhood") != "reciprocal":
        idle.add("protocol.k1")
    if "mutual" not in (config.get("refiner", {}).get("edge_features") or []):
        idle.add("refiner.mutual_k")
    if _never_few_classes(config):
        idle.add("protocol.val_least")
    parts = {name: value for name, value in config.items() if name not in idle}
    parts["dataset"] = _data(config["dataset"])
    parts["backbone"] = _backbone(config["backbone"])
    if (start := config.get("start_from")) is not None:
        parts["start_from"] = _start(Path(str(start)))
    if "loss" in parts:
        parts["loss"] = {"terms": _terms(config)}
    flat = {name: value for name, value in flatten(parts).items() if name not in idle}
    if not has_refiner(config):
        flat["graph._target_"] = None
    for place, code in source_hashes(flat).items():
        flat[f"source.{place}"] = code
    return flat


def has_refiner(config: Config) -> bool:
    """Whether a configuration trains or tests a refiner."""
    return config["graph"].get("_target_") is not None


@cache
def read_baseline() -> dict[str, Any]:
    """The values under which a setting is left out of the hash."""
    held: dict[str, Any] = json.loads(Path(__file__).with_name("baseline.json").read_text(encoding="utf-8"))
    return held


def _data(dataset: Config) -> dict[str, Any]:
    """The data by content, and how they are seen; where they lie makes no difference."""
    # That there is a cache counts: training crops come from the resized image. Where it lies does not.
    cached = dataset.get("cache") is not None
    left_out = {"root", "images", "cache", "source", "sha256", *(() if cached else ("cache_side",))}
    kept = {name: value for name, value in dataset.items() if name not in left_out}
    source = {name: value for name, value in dataset["source"].items() if name not in ("root", "images")}
    return {**kept, "cached": cached, "source": source}


def _backbone(backbone: Config) -> dict[str, Any]:
    """A file of weights by its content."""
    weights = backbone.get("weights")
    if weights in NO_WEIGHTS:
        return dict(backbone)
    path = Path(str(weights))
    if not path.is_file():
        return {**backbone, "weights": str(path)}
    held = path.stat()
    return {**backbone, "weights": f"sha256:{_sha256_as_of(path, held.st_size, held.st_mtime_ns, held.st_ino)}"}


@lru_cache(maxsize=64)
def _sha256_as_of(path: Path, size: int, changed: int, inode: int) -> str:
    """The checksum of a file that has this size and time of change; a study asks for it again and again."""
    del size, changed, inode
    return file_sha256(path)


def checkpoint_file(start: Path) -> Path:
    """The file that `start_from` stands for: of a run folder its chosen epoch."""
    return start / "best.pt" if start.is_dir() else start


def _start(start: Path) -> str:
    """The weights that a run begins with, by their content."""
    file = checkpoint_file(start)
    return f"sha256:{file_sha256(file)}" if file.is_file() else str(start)


def _never_few_classes(config: Config) -> bool:
    """Whether a least number of validation classes changes nothing.

    That is so where they are cut into folds, named by the data set or trained on, and where the data set has the many
    classes that its authors published.
    """
    dataset, protocol = config["dataset"], config["protocol"]
    trained_on = protocol.get("select_on") != "val" and "val" in protocol.get("train_on", ())
    named = dataset["source"].get("_target_") == "gnn_dml.data.emoji_archive"
    return bool(protocol.get("folds") is not None or trained_on or named or dataset.get("strict"))


def _terms(config: Config) -> dict[str, Any]:
    """The terms of the loss; those of the refined branch are idle without a refiner."""
    terms = config["loss"].get("terms", {})
    refined = has_refiner(config)
    return {name: term for name, term in terms.items() if term and (refined or term.get("branch") != "refined")}


def file_sha256(path: Path) -> str:
    """The checksum of a file's content, 64 hexadecimal digits."""
    found = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(2**20):
            found.update(chunk)
    return found.hexdigest()


def _plain(value: Any) -> Any:
    """1.0 and 1 are one number; tuples are lists."""
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    return value
