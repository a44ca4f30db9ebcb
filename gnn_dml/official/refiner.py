"""Published refiner weights into our module, name by name."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import partial

from torch import Tensor

from gnn_dml.errors import UserError
from gnn_dml.layers import DotProductAttention
from gnn_dml.layers.attend import Aggregation
from gnn_dml.models.refiner import Output, Refiner
from gnn_dml.official.names import filled, size

MOST_LAYERS = 1000
"""Of a refiner that is read; the published ones have one or two."""

_TENSORS = 16  # of a layer
_LAYERS = "gnn_model.node_model.layers"
_NAMES = {
    r"reduce\.": "dim_red.",
    r"blocks\.(\d+)\.attention\.([qkv])\.": rf"{_LAYERS}.\1.att.\2_linear.",
    r"blocks\.(\d+)\.attention\.out\.": rf"{_LAYERS}.\1.att.out.",
    r"blocks\.(\d+)\.feed_forward\.0\.": rf"{_LAYERS}.\1.linear1.",
    r"blocks\.(\d+)\.feed_forward\.3\.": rf"{_LAYERS}.\1.linear2.",
    r"blocks\.(\d+)\.": rf"{_LAYERS}.\1.",
    r"necks\.(\d+)\.norm\.": r"bottleneck.\1.",
    r"necks\.(\d+)\.classifier\.": r"fc.\1.",
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
        num_heads: H, which no shape tells; it must divide the width.
        output: "last", "concatenated" (`cat`) or "every", as the checkpoint was trained.
        aggregation: The published "add" is "sum".
        weighted: Whether the checkpoint was trained with edge weights (`mult_attr`); like a threshold on the edges
            (`thresh`), this changes no parameter.

    Returns:
        The refiner in eval mode.

    Raises:
        UserError: If a name is unknown or missing, a shape does not fit, or `output` is not the checkpoint's; the
            message lists the published names.
        ValueError: If `num_heads` does not divide the width, or `output` or `aggregation` is unknown.
    """
    layers = len(_indices(state_dict, _LAYERS))
    if not layers:
        raise UserError(
            f"the checkpoint holds no refiner, whose names are dim_red.weight, {_LAYERS}.0.norm1.weight and so on; its "
            f"first names are {sorted(state_dict)[:5]}"
        )
    # A name of each layer is enough to count it, and building thousands of them takes long.
    if layers > 1 + len(state_dict) // _TENSORS or layers > MOST_LAYERS:
        raise UserError(
            f"the checkpoint names {layers} layers in its {len(state_dict)} tensors; a layer has {_TENSORS}, and "
            f"{MOST_LAYERS} layers are the most"
        )
    width = size(state_dict, 0, "dim_red.weight", f"{_LAYERS}.0.norm1.weight")
    dim = size(state_dict, 1, "dim_red.weight", default=width)
    if not width or dim % width:
        raise UserError(f"dim_red.weight is ({width}, {dim}); a refiner needs a width that divides the channels in")
    _check_output(output, state_dict, layers, width)
    build = partial(
        Refiner,
        dim,
        size(state_dict, 0, *(f"fc.{i}.weight" for i in range(layers))),
        partial(DotProductAttention, num_heads=num_heads, quiet=True, dropout=0.1, aggregation=aggregation),
        num_layers=layers,
        reduction=dim // width,
        output=output,
        dropout=0.1,
        weighted=weighted,
    )
    return filled(build, state_dict, _NAMES, what=f"a refiner with output={output!r}")


def _indices(state_dict: Mapping[str, Tensor], prefix: str) -> set[int]:
    """Every i for which a name begins with `prefix`.i."""
    pattern = re.compile(re.escape(prefix) + r"\.(\d+)\.")
    return {int(match[1]) for name in state_dict if (match := pattern.match(name))}


def _check_output(output: str, state_dict: Mapping[str, Tensor], layers: int, width: int) -> None:
    """Raise UserError if the classifiers are those of another output."""
    count = len(_indices(state_dict, "fc") | _indices(state_dict, "bottleneck"))
    channels = size(state_dict, 1, "fc.0.weight")
    forms = {"last": (1, width), "concatenated": (1, layers * width), "every": (layers, width)}
    fitting = [name for name, form in forms.items() if form == (count, channels)]
    if fitting and output not in fitting:
        raise UserError(
            f"output={output!r} does not fit the checkpoint: it has {layers} layers of {width} channels and {count} "
            f"classifier{'s' * (count > 1)} (fc) of {channels}, which is output={' or '.join(map(repr, fitting))}"
        )
