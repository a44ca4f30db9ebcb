"""Labels as whole numbers, or a sentence on why they are none."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

_MOST = 2.0**63


def check_labels(name: str, labels: Any) -> Tensor:
    """Labels of any kind of number as long.

    Args:
        name: Whose they are, for messages.
        labels: A tensor, an array or a list.

    Raises:
        ValueError: If one is NaN, infinite or no whole number (the message counts them and names the first), or they
            are no numbers.

    Example:
        >>> check_labels("embeddings", [3.0, 1.0])
        tensor([3, 1])
    """
    try:
        y = torch.as_tensor(labels)
    except (TypeError, ValueError, RuntimeError) as error:
        kind = getattr(labels, "dtype", type(labels).__name__)
        raise ValueError(f"the labels of the {name} must be whole numbers, and these are of the kind {kind}") from error
    if y.is_complex():
        raise ValueError(f"the labels of the {name} must be whole numbers, not complex ones")
    if y.is_floating_point():
        wide = y.double() if y.device.type != "mps" else y
        bad = ~(torch.isfinite(wide) & (wide == wide.round()) & (wide.abs() < _MOST))
        if bool(bad.any()):
            place = int(bad.flatten().nonzero()[0])
            raise ValueError(
                f"{int(bad.sum())} of {y.numel()} labels of the {name} are no whole numbers; the first is that of row "
                f"{place}: {y.flatten()[place].item()}"
            )
    return y.long()
