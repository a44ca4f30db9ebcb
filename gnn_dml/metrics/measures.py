"""Names of retrieval metrics beyond the usual ones, each with its denominator in its definition.

Legend: R items of a query's class in the gallery, P(n) the share of such items among the first n, K a whole number.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple

from gnn_dml.errors import UserError

KINDS = ("mrr", "precision@K", "precision@K/possible", "map", "map@K", "map@K/found", "map@K/relevant")
"""What may be asked for; see `gnn_dml.metrics.retrieval`."""

_NAME = re.compile(r"(mrr|map)|(map)@([1-9][0-9]{0,8})(/found|/relevant)?|(precision)@([1-9][0-9]{0,8})(/possible)?")


class Measure(NamedTuple):
    """A metric of one query.

    Attributes:
        name: As it was asked for.
        kind: "mrr", "precision" or "map".
        k: How far down the ranking it looks; None for all of it.
        over: What it is divided by: "possible" is min(R, K), "asked" K, "found" the items of the class among the first
            K, "relevant" R.
    """

    name: str
    kind: str
    k: int | None
    over: str


def deepest_rank(measures: Sequence[Measure], items: int) -> int:
    """How far down a ranking of so many items the metrics look beyond the R nearest, 0 if no farther.

    The nearest item of the class, which "mrr" asks for, is looked for anyhow.

    >>> [deepest_rank(parse_measures(names), 1000) for names in (["mrr"], ["map@10", "precision@5"], ["map"])]
    [0, 10, 1000]
    """
    return max((items if one.kind == "map" and one.k is None else one.k or 0 for one in measures), default=0)


def parse_measures(names: Sequence[str]) -> list[Measure]:
    """Read names such as "mrr", "precision@5", "map@10/found".

    Raises:
        UserError: If a name is unknown.

    Example:
        >>> parse_measures(["map@10"])
        [Measure(name='map@10', kind='map', k=10, over='possible')]
    """
    if isinstance(names, str):
        raise UserError(f"more metrics come as a list of names, not as the text {names!r}")
    found = []
    for name in names:
        match = _NAME.fullmatch(name)
        if match is None:
            raise UserError(f"unknown metric {name!r}; there are {', '.join(KINDS)}, K a whole number from 1 on")
        k = match[3] or match[6]
        over = (match[4] or match[7] or ("/asked" if match[5] else "/possible"))[1:]
        found.append(Measure(name, match[1] or match[2] or match[5], int(k) if k else None, over))
    return found
