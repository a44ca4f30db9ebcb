"""In a sentence: whether the graph was used. What it says stands in the row, in tables and in the log."""

from __future__ import annotations

import math
from collections.abc import Mapping

UNIFORM = 0.999
"""Entropy of the attention, as a share of that of uniform attention, from which it counts as uniform."""

SILENT = 0.01
"""Size of the messages, as a share of the nodes, below which none are passed."""

GUESSING = 0.75
"""Cross-entropy, as a share of that of guessing, above which a classifier has hardly learned."""


def summarise(epoch: Mapping[str, float | None]) -> dict[str, float | None]:
    """The vital signs of an epoch in a few numbers: means over layers and heads, None where there is nothing to say.

    Args:
        epoch: Its row, with the signs as `gnn_dml.training.vital_signs.VitalSigns.row` names them.

    Example:
        >>> found = summarise({"purity_chance": 0.05, "purity_layer1_head1": 0.4, "purity_layer1_head2": 0.2})
        >>> round(found["purity"], 2), found["purity_chance"], found["message_size"]
        (0.3, 0.05, None)
    """
    return {
        "purity": _mean(epoch, "purity_layer"),
        "purity_chance": _mean(epoch, "purity_chance"),
        "attention_entropy": _mean(epoch, "entropy_layer"),
        "logit_spread": _mean(epoch, "logit_spread_layer"),
        "message_size": _mean(epoch, "message_layer"),
        "ce_of_guessing": _mean(epoch, "ce_of_guessing_refined"),
        "gradient_share": _mean(epoch, "gradient_share"),
        "gradient_cosine": _mean(epoch, "gradient_cosine"),
    }


def graph_note(signs: Mapping[str, float | None], neighbours: int | None = None) -> str:
    """What keeps this row from saying something about its graph; empty where nothing does.

    Args:
        signs: As `summarise` returns them.
        neighbours: At test time, where they were chosen.

    Example:
        >>> graph_note({"purity_chance": 0.05, "attention_entropy": 1.0, "message_size": 0.6, "ce_of_guessing": 0.4})
        'the attention is uniform: this row compares averages'
    """
    entropy, size, ce = (signs.get(name) for name in ("attention_entropy", "message_size", "ce_of_guessing"))
    notes = []
    connected = signs.get("purity_chance") is not None  # else no image hears another, and nobody expects it to
    if connected and size is not None and size < SILENT:
        notes.append("the block is closed: no messages to speak of are passed")
    elif connected and entropy is not None and entropy > UNIFORM:
        notes.append("the attention is uniform: this row compares averages")
    if ce is not None and ce > GUESSING:
        notes.append("the refined classifier has hardly learned: its loss is near that of guessing")
    if connected and neighbours == 0:
        notes.append("validation chose no neighbours: test images are refined alone")
    return "; ".join(notes)


def _mean(epoch: Mapping[str, float | None], prefix: str) -> float | None:
    values = [value for name, value in epoch.items() if name.startswith(prefix) and value is not None]
    known = [value for value in values if not math.isnan(value)]
    return sum(known) / len(known) if known else None
