"""Published refiner weights into our module, name by name."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import partial

from torch import Tensor

from gnn_dml.layers import DotProductAttention
from gnn_dml.layers.dot_product import Aggregation
from gnn_dml.models.refiner import Output, Refiner

_LAYER = re.compile(r"gnn_model\.node_model\.layers\.(\d+)\.(.+)")
_IN_BLOCK = {
    "att.q_linear": "attention.q",
    "att.k_linear": "attention.k",
    "att.v_linear": "attention.v",
    "att.out": "attention.out",
    "linear1": "feed_forward.0",
    "linear2": "feed_forward.3",
    "norm1": "norm1",
    "norm2": "norm2",
}


def load_refiner(
    state_dict: Mapping[str, Tensor],
    *,
    num_heads: int,
    output: Output = "last",
    aggregation: Aggregation = "sum",
    weighted: bool = False,
) -> Refiner:
    """Build the refiner of a published checkpoint of "Learning Intra-Batch Connections for Deep Metric Learning".

    Widths and the numbers of layers and classes are read from the shapes. The softmax is the published quiet one.

    Args:
        state_dict: The published names (`dim_red`, `gnn_model.node_model.layers`, `bottleneck`, `fc`).
        num_heads: H, which no shape tells.
        output: "last", "concatenated" (`cat`) or "every", as the checkpoint was trained.
        aggregation: The published "add" is "sum".
        weighted: Whether the checkpoint was trained with edge weights (`mult_attr`). They are an argument of the call,
            so this changes no parameter; it is kept in `refiner.weighted` for those who build the graph.

    Returns:
        The refiner in eval mode.

    Raises:
        ValueError: If a name is unknown or missing, or a shape does not fit; the message lists the names.
    """
    renamed = {_rename(name): tensor for name, tensor in state_dict.items()}
    needed = [name for name in ("reduce.weight", "necks.0.classifier.weight") if name not in renamed]
    if needed:
        raise ValueError(
            "the checkpoint lacks dim_red.weight or fc.0.weight, so it holds no refiner; "
            f"its first names are {sorted(state_dict)[:5]}"
        )
    width, dim = renamed["reduce.weight"].shape
    layers = {int(match[1]) for name in state_dict if (match := _LAYER.fullmatch(name))}
    refiner = Refiner(
        dim,
        renamed["necks.0.classifier.weight"].size(0),
        partial(DotProductAttention, num_heads=num_heads, quiet=True, dropout=0.1, aggregation=aggregation),
        num_layers=len(layers),
        reduction=dim // width,
        output=output,
        dropout=0.1,
        weighted=weighted,
    )
    try:
        refiner.load_state_dict(renamed, strict=True)
    except RuntimeError as error:
        raise ValueError(f"the checkpoint does not fit output={output!r}: {error}") from error
    return refiner.eval()


def _rename(name: str) -> str:
    """The name in our modules of a published name; an unknown one comes back as it is, for the load to report."""
    stem, _, leaf = name.rpartition(".")
    if stem == "dim_red":
        return f"reduce.{leaf}"
    if match := _LAYER.fullmatch(name):
        inner, _, leaf = match[2].rpartition(".")
        return f"blocks.{match[1]}.{_IN_BLOCK.get(inner, inner)}.{leaf}"
    head, _, index = stem.partition(".")
    part = {"bottleneck": "norm", "fc": "classifier"}.get(head)
    return name if part is None else f"necks.{index}.{part}.{leaf}"
