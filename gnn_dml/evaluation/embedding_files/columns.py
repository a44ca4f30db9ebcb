"""What the formats have in common: the columns of a file before they are checked, and what a file says about itself."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy.typing as npt

Array = npt.NDArray[Any]
Column = Sequence[Any] | Array

ABOUT = "gnn_dml"
"""Under this name a file says how its embeddings came about."""


@dataclass(frozen=True)
class Columns:
    """The columns of a file, as it holds them.

    Attributes:
        vectors: Of any shape and kind.
        labels: Or None, where the file has none.
        paths: Likewise.
        roles: "query" or "gallery", likewise.
        about: How the embeddings came about; empty where the file does not say.
    """

    vectors: Array
    labels: Column | None = None
    paths: Column | None = None
    roles: Column | None = None
    about: Mapping[str, Any] = field(default_factory=dict)


def write_about(about: Mapping[str, Any]) -> str:
    """As text for a file."""
    return json.dumps(dict(about))


def read_about(text: Any) -> dict[str, Any]:
    """From the text in a file; nothing where another program wrote the like."""
    try:
        found = json.loads(text)
    except (TypeError, ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}
