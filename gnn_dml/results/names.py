"""What tables, sentences and pictures call the columns of results, and in which unit they show them."""

from __future__ import annotations

import re

from gnn_dml.columns import BRANCHES, SCORES

SHORT = {"recall": "Recall", "map": "MAP", "r_precision": "R-precision", "nmi": "NMI", "ami": "AMI"}
_WHERE = {"val_": " on validation classes", "last_": " of the last epoch", "": ""}
_EMBEDDINGS = tuple(name[:-1] for name in BRANCHES if not name.startswith(("val_", "last_")))
_FIGURE = re.compile(rf"(?P<where>val_|last_|)(?P<branch>{'|'.join(_EMBEDDINGS)})_(?P<score>.+)")
_SCORE = re.compile(r"(recall|map|precision|hit|mrr)(@.+)?|" + "|".join(name for name in SCORES if "@" not in name))


def is_figure(column: str) -> bool:
    """Whether a column is a figure of an embedding: a fraction, shown in percent, whose differences are points.

    >>> is_figure("refined_map@r"), is_figure("seconds"), is_figure("refiner_rate")
    (True, False, False)
    """
    found = _FIGURE.fullmatch(column)
    return found is not None and _SCORE.fullmatch(found["score"]) is not None


def scale_of(column: str) -> float:
    """How often its unit a column is shown in: 100 for a figure, whose fractions are percents, else 1."""
    return 100.0 if is_figure(column) else 1.0


def score_name(score: str) -> str:
    """A score as papers write it.

    >>> score_name("recall@1"), score_name("map@r"), score_name("r_precision")
    ('Recall@1', 'MAP@R', 'R-precision')
    """
    stem, at, rest = score.partition("@")
    return f"{SHORT.get(stem, stem)}{at}{rest.upper()}"


def metric_name(column: str) -> str:
    """A column for a sentence; one that is no figure has its own name.

    >>> metric_name("refined_map@r"), metric_name("val_backbone_recall@1"), metric_name("seconds")
    ('refined MAP@R', 'backbone Recall@1 on validation classes', 'seconds')
    """
    found = _FIGURE.fullmatch(column)
    if found is None or not is_figure(column):
        return column
    return f"{found['branch'].replace('_', ' ')} {score_name(found['score'])}{_WHERE[found['where']]}"
