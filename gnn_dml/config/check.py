"""What cannot work, found before torch is loaded and before time is spent; all problems at once."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from gnn_dml.config.flatten import flatten
from gnn_dml.config.identity import checkpoint_file
from gnn_dml.config.parts import part_problems
from gnn_dml.prepare.cards import find_card
from gnn_dml.text import exists

Config = Mapping[str, Any]

_AT_LEAST: dict[str, float] = {
    "seed": 0,
    "workers": 0,
    "protocol.epochs": 0,
    "protocol.classes_per_batch": 1,
    "protocol.images_per_class": 1,
    "protocol.neighbours": 0,
    "protocol.k1": 1,
    "optimizer.refiner_rate": 0,
    "optimizer.weight_decay": 0,
    "optimizer.drop_epoch": 2,
    "refiner.num_layers": 1,
    "refiner.reduction": 1,
    "layer.num_heads": 1,
    "backbone.width": 1,
    "backbone.dim": 1,
    "graph.k": 1,
    "graph.seed": 0,
    "dataset.cache_side": 1,
    "dataset.transform.size": 1,
    "dataset.transform.resize": 1,
    "protocol.val_seed": 0,
    "protocol.val_least": 1,
    "protocol.folds": 2,
    "protocol.fold": 0,
    "loss.backbone_weight": 0,
    "loss.refined_weight": 0,
}
_ABOVE: dict[str, float] = {"optimizer.lr": 0, "loss.temperature": 0, "protocol.val_share": 0}
_SHARE = ("drop_edge", "loss.smoothing", "layer.dropout", "refiner.dropout", "optimizer.warmup", "protocol.val_share")
_NEIGHBOURS = ("gnn_dml.graphs.KNN", "gnn_dml.graphs.MutualKNN", "gnn_dml.graphs.Random")
_ONE_OF: dict[str, tuple[str, ...]] = {
    "refiner.output": ("last", "concatenated", "every"),
    "graph.similarity": ("correlation", "cosine"),
    "graph.negatives": ("hard", "soft"),
    "backbone.pool": ("max", "average", "flatten", "own"),
    "backbone.neck": ("linear", "batch_norm"),
    "dataset.unreadable": ("error", "skip"),
    "dataset.orientation": ("exif", "stored"),
    "optimizer.schedule": ("one_cycle", "constant", "step", "drop"),
    "optimizer.decayed": ("matrices", "all"),
    "protocol.select_on": ("val", "test", "none"),
    "protocol.test_on": ("test", "none"),
    "protocol.ties": ("later", "first"),
    "protocol.neighbourhood": ("nearest", "reciprocal"),
}

_LONGEST_NAME = 255
"""Bytes of a file name, on the file systems of today."""

_LARGEST_INTEGER, _LARGEST_FLOAT = 2**63, 3.4028234e38
"""Of what torch computes with."""

TRAINING_FREE = ("average_qe", "alpha_qe", "alpha_qe_dba", "k_reciprocal", "diffusion")


def problems(config: Config) -> list[str]:
    """One sentence for each thing in a resolved configuration that cannot work; empty if all is well."""
    if found := part_problems(config) or _too_large(config):
        return found
    checks: tuple[Callable[[Config], list[str]], ...] = (
        _numbers,
        _names,
        _files,
        _graph,
        _weights,
        _layout,
        _untrained,
    )
    return [message for check in checks for message in check(config)]


def _get(config: Config, path: str) -> Any:
    value: Any = config
    for part in path.split("."):
        value = value.get(part) if isinstance(value, Mapping) else None
    return value


def _too_large(config: Config) -> list[str]:
    """Numbers that no tensor can hold, also inside lists."""
    found = []
    for name, value in flatten(config).items():
        for number in value if isinstance(value, (list, tuple)) else [value]:
            if isinstance(number, bool) or not isinstance(number, (int, float)):
                continue
            most = _LARGEST_INTEGER if isinstance(number, int) else _LARGEST_FLOAT
            if abs(number) >= most:
                shown = str(number) if abs(number) < 1e300 else "a larger one"
                found.append(f"{name} must be below {most:.3g}, not {shown}")
    return found


def _numbers(config: Config) -> list[str]:
    found = []
    for path, least in _AT_LEAST.items():
        value = _get(config, path)
        if isinstance(value, (int, float)) and not value >= least:
            found.append(f"{path} must be at least {least:g}, not {value}")
    for path, bound in _ABOVE.items():
        value = _get(config, path)
        if isinstance(value, (int, float)) and not value > bound:
            found.append(f"{path} must be above {bound:g}, not {value}")
    for path in _SHARE:
        value = _get(config, path)
        if isinstance(value, (int, float)) and not 0 <= value < 1:
            found.append(f"{path} must be at least 0 and below 1, not {value}")
    ks = _get(config, "protocol.ks")
    if not isinstance(ks, list) or not ks or any(not isinstance(k, int) or k < 1 for k in ks):
        found.append(f"protocol.ks must be a list of whole numbers of at least 1, not {ks}")
    elif 1 not in ks:
        found.append(f"protocol.ks must hold 1, which tables and plots show; it is {ks}")
    methods = _get(config, "protocol.training_free") or []
    if unknown := [name for name in methods if name not in TRAINING_FREE]:
        found.append(f"protocol.training_free holds {unknown[0]!r}; it can hold {', '.join(TRAINING_FREE)}")
    candidates = _get(config, "protocol.choose_neighbours")
    if candidates is not None and (
        not isinstance(candidates, list)
        or not candidates
        or any(not isinstance(count, int) or isinstance(count, bool) or count < 0 for count in candidates)
    ):
        found.append(
            f"protocol.choose_neighbours must be null or a list of whole numbers of at least 0, not {candidates}"
        )
    reload = _get(config, "protocol.reload")
    if reload is not None and any(not isinstance(epoch, int) or epoch < 2 for epoch in reload):
        found.append(f"protocol.reload must be a list of epochs of at least 2, not {reload}")
    graph_seed = _get(config, "graph.seed")
    if isinstance(graph_seed, int) and graph_seed >= 2**63:
        found.append(f"graph.seed must be below 2^63, not {graph_seed}")
    if config["seed"] >= 2**32:
        found.append(f"seed must be below 2^32, not {config['seed']}")
    if config["protocol"]["classes_per_batch"] * config["protocol"]["images_per_class"] < 2:
        found.append("a batch needs two images: raise protocol.classes_per_batch or protocol.images_per_class")
    folds, fold = _get(config, "protocol.folds"), _get(config, "protocol.fold")
    if isinstance(folds, int) and fold >= folds:
        found.append(f"protocol.fold must be below protocol.folds={folds}, not {fold}")
    return found


def _names(config: Config) -> list[str]:
    found = [
        f"{path} must be one of {', '.join(allowed)}, not {value!r}"
        for path, allowed in _ONE_OF.items()
        if (value := _get(config, path)) is not None and value not in allowed
    ]
    device = str(config["device"])
    if device.split(":")[0] not in ("auto", "cpu", "cuda", "mps"):
        found.append(f"device must be one of auto, cpu, cuda, mps, not {device!r}")
    ks = [f"backbone_recall@{k}" for k in config["protocol"]["ks"] or []]
    measures = [*ks, "backbone_map@r", "backbone_r_precision"]
    measures += [name.replace("backbone_", "refined_") for name in measures]
    chosen = config["protocol"]["select_by"]
    if chosen not in measures:
        found.append(f"protocol.select_by must be one of {', '.join(measures)}, not {chosen!r}")
    elif chosen.startswith("refined_") and config["choices"]["graph"] == "none":
        found.append(f"protocol.select_by={chosen} needs a refiner, and graph=none has none")
    return found + _parts(config["protocol"])


def _parts(protocol: Config) -> list[str]:
    """What is trained on, chosen on and tested on; classes of one may not be those of another."""
    trained, selected, tested = protocol["train_on"], protocol["select_on"], protocol.get("test_on", "test")
    known = ("train", "val", "test")
    if not isinstance(trained, list) or not trained or any(name not in known for name in trained):
        return [f"protocol.train_on must hold train, val or both, not {trained}"]
    if len(set(trained)) < len(trained):
        return [f"protocol.train_on names a part twice: {trained}"]
    found = []
    if "test" in trained and tested != "none":
        found.append(
            "protocol.train_on must hold train, val or both; test too with protocol.test_on=none, for classes trained "
            "on cannot be tested on"
        )
    if selected in trained:
        rest = [name for name in trained if name != selected]
        instead = f"protocol.train_on=[{','.join(rest)}]" if rest else "other classes to train on"
        found.append(
            f"protocol.select_on={selected} needs {instead}: classes trained on cannot choose the epoch "
            "(protocol.select_on=none takes the last)"
        )
    if selected == "none" and protocol.get("reload"):
        found.append("protocol.reload needs protocol.select_on=val or test: without it no epoch is the best so far")
    return found


def _files(config: Config) -> list[str]:
    found = []
    root, name = config["dataset"].get("root"), config["choices"]["dataset"]
    card = find_card(name)
    if root is None and "root" in config["dataset"] and (card is None or card.embedded is None):
        found.append(f"dataset={name} needs dataset.root={'FOLDER' if card is None else card.root}")
    elif root is not None and not exists(root):
        hint = f"; 'gnn-dml data prepare {name}' says how to get it" if card is not None and card.sources else ""
        found.append(f"dataset.root={root} does not exist{hint}")
    cache = config["dataset"].get("cache")
    if cache is not None and exists(cache) and not Path(cache).is_dir():
        found.append(f"dataset.cache={cache} must be a folder, and it is a file")
    weights = config["backbone"].get("weights")
    if weights not in (None, "imagenet", "packaged") and not os.path.isfile(weights):  # noqa: PTH113
        found.append(f"backbone.weights must be null, imagenet, packaged or an existing file, not {weights!r}")
    start = config.get("start_from")
    if start is not None and not checkpoint_file(Path(start)).is_file():
        found.append(f"start_from must be null, a run folder or a checkpoint, and there is none at {start}")
    out = Path(config["out"])
    existing = next(folder for folder in (out, *out.absolute().parents) if exists(folder))
    if not existing.is_dir():
        found.append(f"out={out} cannot hold results: {existing} is a file")
    study = str(config["study_name"])
    if study in ("", ".", "..") or "/" in study or "\\" in study:
        found.append(f"study_name={study!r} must be a plain folder name")
    elif len(os.fsencode(study)) > _LONGEST_NAME:
        found.append(f"study_name has {len(os.fsencode(study))} bytes, and a folder name has at most {_LONGEST_NAME}")
    return found


def _graph(config: Config) -> list[str]:
    if config["choices"]["graph"] == "none":
        return []
    found = []
    if "loop" in config["graph"] and config["graph"]["loop"] is None and "threshold" not in config["graph"]:
        found.append("graph.loop must be true or false, not null: only a threshold says itself who hears himself")
    graph, protocol, dim = config["graph"], config["protocol"], config["backbone"].get("dim")
    nodes = protocol["classes_per_batch"] * protocol["images_per_class"]
    k, label_built = graph.get("k"), graph["_target_"] == "gnn_dml.graphs.ClassAware"
    if label_built and graph.get("mode") not in ("same", "other", "nearest"):
        return [f"graph.mode must be one of same, other, nearest, not {graph.get('mode')!r}"]
    if k is None and graph["_target_"] in _NEIGHBOURS:
        return ["graph.k must be a whole number, not null"]
    if k is not None and k >= nodes:
        found.append(
            f"graph.k={k} is too large: a batch of {protocol['classes_per_batch']} classes x "
            f"{protocol['images_per_class']} images has {nodes} nodes, so k is at most {nodes - 1}"
        )
    if label_built and (graph["mode"] == "nearest") != (k is not None):
        found.append(f"graph.mode={graph['mode']} needs graph.k={'3 or so' if k is None else 'null'}")
    heads, reduction = config["layer"].get("num_heads"), config["refiner"]["reduction"]
    if dim is not None and dim % reduction:
        found.append(f"refiner.reduction={reduction} does not divide backbone.dim={dim}")
    elif dim is not None and heads and (dim // reduction) % heads:
        found.append(f"layer.num_heads={heads} does not divide the {dim // reduction} channels of the refiner")
    return found


def _weights(config: Config) -> list[str]:
    """Edges by threshold, and edge weights where the refiner counts on them."""
    choices, graph = config["choices"], config["graph"]
    if choices["graph"] == "none":
        return []
    found = []
    target, threshold, negatives = graph["_target_"], graph.get("threshold"), graph.get("negatives")
    largest = {"hard": 1, "soft": 2}.get(str(negatives))
    if threshold is not None and largest is not None and threshold >= largest:
        found.append(
            f"graph.threshold must be below {largest} with graph.negatives={negatives}, not {threshold}: no similarity "
            "is larger, so no image would hear another"
        )
    if not config["refiner"]["weighted"]:
        return found
    if target.startswith("gnn_dml.") and target != "gnn_dml.graphs.Threshold":
        found.append(
            f"refiner.weighted=true needs edge weights: graph=threshold has them, graph={choices['graph']} not"
        )
    layer = config["layer"]["_target_"]
    if layer.startswith("gnn_dml.") and layer != "gnn_dml.layers.DotProductAttention":
        found.append(f"refiner.weighted=true needs layer=dot_product: layer={choices['layer']} takes no edge weights")
    return found


def _layout(config: Config) -> list[str]:
    """`pool=flatten` fixes the size of the map, so image size and `map_size` have to agree."""
    backbone, size = config["backbone"], _get(config, "dataset.transform.size")
    if backbone.get("pool") != "flatten" or size is None:
        return []
    side = -(-size // (16 if backbone.get("name") == "small_cnn" else 32))
    if side == backbone.get("map_size"):
        return []
    return [
        f"backbone.pool=flatten on images of {size} px needs backbone.map_size={side}, not {backbone.get('map_size')}"
    ]


def _untrained(config: Config) -> list[str]:
    if config["choices"]["backbone"] != "pixels":
        return []
    if config["protocol"]["epochs"] or config["choices"]["graph"] != "none":
        return ["backbone=pixels has nothing to train; add graph=none protocol.epochs=0"]
    return []
