"""Embeddings and labels as they come: tensors, arrays, lists, pandas' Series; and a sentence on what is none."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import torch
from torch import Tensor

LARGEST = 2.0**63
"""Of any label."""


def as_matrix(name: str, values: Any) -> Tensor:
    """Real numbers (n, d) as a tensor.

    Args:
        name: What they are, for messages.
        values: A tensor, an array, or a list of rows.

    Raises:
        ValueError: If they are a table of pandas, ragged, empty without a shape, or no real numbers.

    Example:
        >>> as_matrix("embeddings", [[1, 2], [3, 4]]).shape
        torch.Size([2, 2])
    """
    if type(values).__module__.split(".")[0] in ("pandas", "polars"):
        raise ValueError(
            f"{name} are a {type(values).__name__} of pandas, whose columns are not in order by themselves: "
            "give frame[columns].to_numpy()"
        )
    try:
        x = values if isinstance(values, Tensor) else _as_tensor(np.asarray(values))
    except (TypeError, ValueError, RuntimeError) as error:
        raise ValueError(f"{name} must be numbers (n, d), rows of equal length, not {_kind(values)}") from error
    if x.is_complex():
        raise ValueError(f"{name} must be real numbers, not complex ones")
    if x.dim() != 2 and not x.numel():
        raise ValueError(f"{name} are empty: there must be rows (n, d), and the shape is {tuple(x.shape)}")
    return x.detach().float() if x.dtype == torch.bool else x.detach()


def as_classes(name: str, labels: Any, *others: Any) -> tuple[Tensor, ...]:
    """Labels of any kind as whole numbers, equal ones for equal labels, in all of them together.

    Args:
        name: Whose they are, for messages.
        labels: (n,): numbers, text or categories, in a tensor, an array, a list or a Series of pandas.
        others: More of the kind.

    Raises:
        ValueError: If a label is missing (NaN, None), some are numbers and some text, or they are a table.

    Example:
        >>> as_classes("embeddings", ["cat", "dog"], ["dog"])
        (tensor([0, 1]), tensor([1]))
    """
    read = [_read(name, one) for one in (labels, *others)]
    if all(isinstance(one, Tensor) for one in read):
        return tuple(one for one in read if isinstance(one, Tensor))
    arrays = [one.cpu().numpy() if isinstance(one, Tensor) else one for one in read]
    if any(one.dtype.kind not in "US" for one in arrays if one.size):
        raise ValueError(f"the labels of the {name} are numbers in one place and text in another")
    joined = np.concatenate([one.ravel().astype(str) for one in arrays])
    codes = torch.from_numpy(np.unique(joined, return_inverse=True)[1].astype(np.int64))
    parts = torch.split(codes, [one.size for one in arrays])
    return tuple(part.view(one.shape) for part, one in zip(parts, arrays, strict=True))


def _read(name: str, labels: Any) -> Tensor | np.ndarray[Any, np.dtype[Any]]:
    """Numbers as a tensor, text as an array."""
    if isinstance(labels, Tensor):
        values = labels
    else:
        if type(labels).__name__ == "DataFrame":
            raise ValueError(f"the labels of the {name} are a DataFrame: give one of its columns, frame[column]")
        array = np.asarray(labels)
        if array.dtype == object:
            missing = sum(one is None or one != one for one in array.ravel())
            if missing:
                raise ValueError(f"{missing} of {array.size} labels of the {name} are missing")
            kinds = {isinstance(one, str) for one in array.ravel()}
            if len(kinds) > 1:
                raise ValueError(f"the labels of the {name} are numbers in one place and text in another")
            array = np.array(array.tolist()) if array.size else array.astype(np.int64)
        if array.dtype.kind in "US":
            return array
        if array.dtype.kind not in "biuf":
            raise ValueError(f"the labels of the {name} must be whole numbers or text, not {_kind(labels)}")
        wide = array.dtype.kind == "u" and array.dtype.itemsize > 1
        values = _as_tensor(array.astype(np.int64) if wide else array)
    if values.is_complex():
        raise ValueError(f"the labels of the {name} must be whole numbers or text, not complex ones")
    if values.is_floating_point():
        precise = values.double() if values.device.type != "mps" else values
        bad = ~(torch.isfinite(precise) & (precise == precise.round()) & (precise.abs() < LARGEST))
        if bool(bad.any()):
            place = int(bad.flatten().nonzero()[0])
            raise ValueError(
                f"{int(bad.sum())} of {values.numel()} labels of the {name} are no whole numbers; the first is that of "
                f"row {place}: {values.flatten()[place].item()}"
            )
    return values.long()


def _as_tensor(array: np.ndarray[Any, np.dtype[Any]]) -> Tensor:
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=".*not writable.*")  # nobody writes to it
        return torch.as_tensor(array)


def _kind(values: Any) -> str:
    return f"{getattr(values, 'dtype', type(values).__name__)}"
