"""Rows as a DataFrame in which a missing number is one and does not turn a column into objects."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from gnn_dml.text import show_name

if TYPE_CHECKING:
    import pandas as pd

_FIRST = ("model", "embedding", "member", "epoch")


def make_frame(rows: Sequence[Mapping[str, Any]]) -> pd.DataFrame:
    """A row each; names first, whole numbers stay whole, None among numbers is NaN (`<NA>` for an epoch)."""
    import pandas as pd

    # A name that is not UTF-8 fits no column of text.
    frame = pd.DataFrame(
        [{name: show_name(value) if isinstance(value, str) else value for name, value in row.items()} for row in rows]
    )
    if "epoch" in frame:
        frame["epoch"] = frame["epoch"].astype("Int64")
    empty = [name for name in frame if frame[name].isna().all() and name != "epoch"]
    frame = frame.astype(dict.fromkeys(empty, float))
    first = [name for name in _FIRST if name in frame]
    return frame[[*first, *(name for name in frame if name not in first)]]
