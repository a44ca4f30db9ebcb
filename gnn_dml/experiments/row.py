"""The row of a run: what it was, and what it measured."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import torch

from gnn_dml import __version__
from gnn_dml.config.identity import counted_settings, run_id
from gnn_dml.evaluation.refine import describe_test_graph
from gnn_dml.experiments.build import RunSplits, build_neighbourhoods
from gnn_dml.experiments.choice import choice_note, join_notes, select_weakness, test_weakness
from gnn_dml.experiments.measured_on import describe_code, describe_data, describe_versions
from gnn_dml.graphs import describe, uses_labels
from gnn_dml.training.learner import Learner
from gnn_dml.training.verdict import graph_note, summarise

NO_TEST = "nothing was tested: protocol.test_on=none"

BRANCHES = ("backbone", "expanded", "refined")
"""Every embedding of the same weights that is measured."""


def make_row(
    config: Mapping[str, Any],
    learner: Learner,
    device: torch.device,
    status: str,
    epochs: Sequence[Mapping[str, Any]],
    measured: Mapping[str, Any],
    *,
    seconds: float,
    data: RunSplits,
) -> dict[str, Any]:
    """Join the settings of a run with its figures.

    Args:
        config: Resolved configuration.
        learner: For what can be read off it.
        device: Where it ran.
        status: "finished" or "diverged".
        epochs: A row per epoch; the chosen epoch's selection metrics are copied from it.
        measured: Test metrics with `chosen_epoch`; empty for a diverged run, whose figures are null, never 0.
        seconds: Wall-clock time of the run, reading and testing included.
        data: What it trained, chose and tested on.
    """
    protocol, choices, settings = config["protocol"], config["choices"], counted_settings(config)
    trained = bool(protocol["epochs"])
    names = [f"{branch}_{name}" for branch in BRANCHES for name in metric_names(protocol["ks"])]
    figures = {f"{prefix}{name}": measured.get(f"{prefix}{name}") for prefix in ("", "last_") for name in names}
    chosen = measured.get("chosen_epoch")
    selected: Mapping[str, Any] = next((row for row in epochs if row["epoch"] == chosen), {})
    topology = learner.topology
    neighbours = measured.get("test_neighbours") if topology is not None else None
    signs = summarise(epochs[-1] if epochs else {}) if topology is not None else summarise({})
    row = {
        "run_id": run_id(config),
        "seed": config["seed"],
        "status": status,
        "dataset": choices["dataset"],
        "content": (config["dataset"].get("content") or "")[:12],
        **describe_data(config, data),
        "backbone": choices["backbone"],
        "graph": choices["graph"],
        "topology": "" if topology is None else describe(topology),
        "layer": choices["layer"] if topology is not None else "",
        "loss": describe_loss(config),
        "graph_k": _whole(config["graph"].get("k")) if topology is not None else None,
        "num_heads": _whole(config["layer"].get("num_heads")) if topology is not None else None,
        "batch": f"{protocol['classes_per_batch']} x {protocol['images_per_class']}" if trained else "",
        "optimizer": choices["optimizer"] if trained else "",
        "lr": float(config["optimizer"]["lr"]) if trained else None,
        "uses_labels": topology is not None and uses_labels(topology),
        "test_graph": describe_test_graph(learner, build_neighbourhoods(_with_neighbours(protocol, neighbours))),
        "test_neighbours": neighbours,
        "expansion": measured.get("expansion") or "",
        "selected_on": protocol["select_on"] if trained else "",
        "chosen_epoch": chosen,
        "choice_note": join_notes(select_weakness(protocol, data), choice_note(epochs, protocol)),
        "test_note": test_weakness(data) if data.test is not None else NO_TEST,
        "epochs": protocol["epochs"],
        "refiner_rate": config["optimizer"]["refiner_rate"] if topology is not None else None,
        "seconds": round(seconds, 2),
        "device": device.type,
        "threads": torch.get_num_threads(),
        "torch": torch.__version__,
        "version": __version__,
        "versions": describe_versions(),
        "code": describe_code(settings),
        "parameters": sum(parameter.numel() for parameter in learner.parameters()),
        **signs,
        "graph_note": graph_note(signs, neighbours),
        **figures,
        **{name: measured.get(name) for name in _training_free_names(protocol)},
        **{name: value for name, value in selected.items() if name.startswith(f"{protocol['select_on']}_")},
    }
    known = {
        name: None if isinstance(value, float) and not math.isfinite(value) else value for name, value in row.items()
    }
    return {**known, "settings": settings}


def _whole(value: Any) -> int | None:
    """A whole number of settings; None where they have something else under that name."""
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def _training_free_names(protocol: Mapping[str, Any]) -> list[str]:
    """The figures of methods asked for besides the three embeddings."""
    retrieval = [*(f"recall@{k}" for k in protocol["ks"]), "map@r", "r_precision"]
    return [f"{method}_{name}" for method in protocol.get("training_free") or [] for name in retrieval]


def _with_neighbours(protocol: Mapping[str, Any], neighbours: int | None) -> dict[str, Any]:
    return {**protocol, **({} if neighbours is None else {"neighbours": neighbours})}


def describe_loss(config: Mapping[str, Any]) -> str:
    """The loss's name, and where it is not the default its terms with their branches; empty without training."""
    if not config["protocol"]["epochs"]:
        return ""
    name = str(config["choices"]["loss"])
    terms = config["loss"].get("terms", {})
    parts = [
        f"{term} on {settings.get('branch', '?')}: {_class_name(settings)}"
        for term, settings in terms.items()
        if settings
    ]
    return name if name == "cross_entropy" else f"{name} ({'; '.join(parts)})"


def _class_name(settings: Mapping[str, Any]) -> str:
    """The class of a term, or of the loss inside it."""
    inner = settings.get("loss")
    target = inner.get("_target_", "") if isinstance(inner, Mapping) else settings.get("_target_", "")
    return str(target).rpartition(".")[2]


def metric_names(ks: Sequence[int]) -> list[str]:
    """The metrics of one embedding, in the order of the columns."""
    return [*(f"recall@{k}" for k in ks), "map@r", "r_precision", "nmi", "ami"]
